"""Secrets that everybody knows or can guess. Pure; nothing here ever repeats a secret."""

from __future__ import annotations

import re

_SHORTEST = 16  # characters; ours have 64
_FEWEST_KINDS = 6  # different characters
_DEFAULTS = frozenset(
    {"sk-1234", "changeme", "change-me", "change_me", "secret", "password", "admin", "qdrant", "minioadmin", "test"}
)
_PLACEHOLDER = re.compile(r"(?i)^(<.*>|\$\{.*\}|x{3,}|your[-_ ].*|.*(change[-_]?me|placeholder|example).*)$")
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(?P<name>\w+)\s*=(?P<value>.*)")
_SECRET_NAME = re.compile(r"(?i)(?:^|_)(?:key|passwd|password|secret|token)$")


def weakness(text: str, *, assignments: bool = False) -> str:
    """Return what is wrong with a secret, "" when nothing is; of `assignments` (NAME=value) the first weak one."""
    if not assignments:
        return _weakness(text.strip())
    for found in filter(None, map(_ASSIGNMENT.match, text.splitlines())):
        value = found["value"].strip().strip("'\"")
        if _SECRET_NAME.search(found["name"]) and value and (why := _weakness(value)):
            return f"{found['name']} {why}"
    return ""


def _weakness(value: str) -> str:
    if not value:
        return "is empty"
    if value.lower() in _DEFAULTS or _PLACEHOLDER.match(value):
        return "is a default that everybody knows"
    if len(value) < _SHORTEST:
        return f"is shorter than {_SHORTEST} characters"
    if len(set(value)) < _FEWEST_KINDS:
        return "repeats a few characters"
    return ""
