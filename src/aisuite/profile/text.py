"""What a text value of a profile may hold, so that no value can change the structure of a rendered file."""

from __future__ import annotations

import re
import unicodedata

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_IMAGE = re.compile(
    r"(?P<path>[a-z0-9][a-z0-9._-]*(?::\d+)?(?:/[a-z0-9][a-z0-9._-]*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_FLOATING = re.compile(r"latest|main(-.*)?|nightly|edge|dev")


def check_plain(value: str) -> str:
    """Refuse control characters (newlines among them) and lone surrogates."""
    for char in value:
        if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}:
            raise ValueError(f"must not contain the character U+{ord(char):04X}")
    return value


def check_name(value: str) -> str:
    """Refuse what is not a DNS-like name: models, services and routes become host names and labels."""
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a name; use a-z, 0-9, '-', '_' and '.', starting with a letter or digit")
    return value


def check_file_name(value: str) -> str:
    """Refuse a path where a bare .gguf file name is wanted."""
    check_plain(value)
    if "/" in value or "\\" in value or value.startswith(("-", ".")) or not value.endswith(".gguf"):
        raise ValueError(f"{value!r} is not the name of a .gguf file; the folder is paths.models")
    return value


def check_repo(value: str) -> str:
    """Refuse what is not owner/name."""
    if not _REPO.fullmatch(value):
        raise ValueError(f"{value!r} is not a repository; write owner/name")
    return value


def check_image(value: str) -> str:
    """Refuse an image without a version: a floating tag is a different program tomorrow."""
    match = _IMAGE.fullmatch(value)
    if not match:
        raise ValueError(f"{value!r} is not an image reference; write registry/name:tag")
    if match["digest"] is None and (match["tag"] is None or _FLOATING.fullmatch(match["tag"])):
        raise ValueError(f"{value!r} has no fixed version; write a version tag or a digest")
    return value
