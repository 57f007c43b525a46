"""What a text value of a profile may hold, so that no value can change the structure of a rendered file."""

from __future__ import annotations

import re
import unicodedata

_LONGEST_NAME = 63  # of a host name
_LONGEST_MODEL_NAME = 50  # its server is the host `inference-<name>`
_LONGEST_FILE_NAME = 200
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_IMAGE = re.compile(
    r"(?P<path>[a-z0-9][a-z0-9._-]*(?::\d+)?(?:/[a-z0-9][a-z0-9._-]*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_FLOATING = re.compile(r"main(-.*)?|master(-.*)?|[^0-9]*")  # a version has a digit: latest, edge, server-cuda have none


def check_plain(value: str) -> str:
    """Refuse control characters (newlines among them) and lone surrogates."""
    for char in value:
        if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}:
            raise ValueError(f"must not contain the character U+{ord(char):04X}")
    return value


def check_name(value: str) -> str:
    """Refuse what is not a DNS-like name: models, services and routes become host names and labels."""
    if len(value) > _LONGEST_NAME:
        raise ValueError(f"a name has at most {_LONGEST_NAME} characters, this one has {len(value)}")
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a name; use a-z, 0-9 and, between them, '-', '_' and '.'")
    return value


def check_model_name(value: str) -> str:
    """Refuse a name that is too long with `inference-` before it."""
    if len(value) > _LONGEST_MODEL_NAME:
        raise ValueError(f"a model's name has at most {_LONGEST_MODEL_NAME} characters, this one has {len(value)}")
    return check_name(value)


def check_file_name(value: str) -> str:
    """Refuse a path where a bare .gguf file name is wanted."""
    check_plain(value)
    if len(value) > _LONGEST_FILE_NAME:
        raise ValueError(f"a file name has at most {_LONGEST_FILE_NAME} characters, this one has {len(value)}")
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
