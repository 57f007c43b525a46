"""Image references, and the lock that says which bytes a tag stands for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCK_FILE = "aisuite-images.lock"
_SCHEMA = "aisuite.images-lock/1"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's name, taken apart."""

    name: str
    tag: str | None
    digest: str | None

    @property
    def tagged(self) -> str:
        """Return it without its digest."""
        return f"{self.name}:{self.tag}" if self.tag else self.name

    @property
    def in_registry(self) -> bool:
        """Whether it names the host of a registry, as `ghcr.io/...` does."""
        host, slash, _ = self.name.partition("/")
        return bool(slash) and (host == "localhost" or "." in host or ":" in host)


def parse_reference(text: str) -> Reference:
    """Take a reference apart that the profile has let through."""
    rest, _, digest = text.partition("@")
    folder, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    return Reference(f"{folder}{slash}{name}", tag or None, digest or None)


def pin(text: str, lock: Mapping[str, str]) -> str:
    """Return a reference with the digest that the lock has for it; one with a digest of its own stays as it is."""
    digest = lock.get(text)
    return text if digest is None or "@" in text else f"{text}@{digest}"


def parse_lock(text: str) -> dict[str, str]:
    """Read {reference: digest}. Raises ValueError for what is no lock of ours."""
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
        raise ValueError(f"its schema is not {_SCHEMA}")
    if not isinstance(images := document.get("images"), dict):
        raise ValueError("it has no images")  # noqa: TRY004  a file's fault, not a caller's
    for reference, digest in images.items():
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise ValueError(f"{reference}: {digest!r} is not a digest")
    return images


def format_lock(images: Mapping[str, str]) -> str:
    """Write a lock; the same images give the same text."""
    return json.dumps({"schema": _SCHEMA, "images": dict(sorted(images.items()))}, indent=2) + "\n"
