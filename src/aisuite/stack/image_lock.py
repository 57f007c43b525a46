"""Image references, and the lock that says which bytes a tag stands for."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

LOCK_FILE = "aisuite-images.lock"
_SCHEMA = "aisuite.images-lock/1"
_WITH_FASTEMBED = "-fastembed"  # of a tag
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


@dataclass(frozen=True, slots=True)
class Locked:
    """The bytes behind a tag: as its registry calls them, and as the engine does, also when they came in a file."""

    digest: str
    id: str


def parse_reference(text: str) -> Reference:
    """Take a reference apart that the profile has let through."""
    rest, _, digest = text.partition("@")
    folder, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    return Reference(f"{folder}{slash}{name}", tag or None, digest or None)


def with_fastembed(text: str) -> str:
    """Return what our own image is called when it can run models of fastembed; one of a registry is its owner's."""
    return text if parse_reference(text).in_registry else f"{text}{_WITH_FASTEMBED}"


def has_fastembed(text: str) -> bool:
    """Say whether that is such an image."""
    return text.endswith(_WITH_FASTEMBED)


def pin(text: str, lock: Mapping[str, Locked]) -> str:
    """Return a reference with the digest that the lock has for it; one with a digest of its own stays as it is."""
    locked = lock.get(text)
    return text if locked is None or "@" in text else f"{text}@{locked.digest}"


def digests_to_start(lock: Mapping[str, Locked], loaded: Collection[str]) -> dict[str, str]:
    """Return {reference: digest}. An image that was `loaded` from a file has none: it is known by its id."""
    return {reference: locked.digest for reference, locked in lock.items() if reference not in loaded}


def parse_lock(text: str) -> dict[str, Locked]:
    """Read {reference: what is locked}. Raises ValueError for what is no lock of ours."""
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
        raise ValueError(f"its schema is not {_SCHEMA}")
    if not isinstance(images := document.get("images"), dict):
        raise ValueError("it has no images")  # noqa: TRY004  a file's fault, not a caller's
    return {reference: _parse_entry(reference, entry) for reference, entry in images.items()}


def _parse_entry(reference: str, entry: object) -> Locked:
    found = [entry.get(name) for name in ("digest", "id")] if isinstance(entry, dict) else []
    digests = [one for one in found if isinstance(one, str) and _DIGEST.fullmatch(one)]
    if len(digests) != len(("digest", "id")):
        raise ValueError(f"{reference} has no digest and id")
    return Locked(*digests)


def format_lock(images: Mapping[str, Locked]) -> str:
    """Write a lock; the same images give the same text."""
    entries = {reference: asdict(locked) for reference, locked in sorted(images.items())}
    return json.dumps({"schema": _SCHEMA, "images": entries}, indent=2) + "\n"
