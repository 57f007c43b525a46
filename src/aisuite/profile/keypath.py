"""Key paths: how a place in a profile is written, read and looked up; and words that were nearly right."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KeyPath = tuple[str | int, ...]

_BARE = re.compile(r"[^\s.\"'\[\]]+")
_PART = re.compile(r"\"(?P<quoted>[^\"]*)\"|(?P<bare>[^\s.\"'\[\]]+)")
_LONGEST_SHOWN = 80


def format_key(path: KeyPath) -> str:
    """Write `models.chat.context` or `routes.chat-7b[0]`; a name with a dot stands in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        plain = len(part) <= _LONGEST_SHOWN and part.isprintable() and _BARE.fullmatch(part)
        name = part if plain else f'"{shown(part)[1:-1]}"'
        text += f".{name}" if text else name
    return text


def parse_key(text: str) -> tuple[str, ...]:
    """Read what `format_key` writes, without list positions. Raises ValueError."""
    parts: list[str] = []
    position = 0
    while match := _PART.match(text, position):
        parts.append(match["bare"] if match["quoted"] is None else match["quoted"])
        position = match.end()
        if position == len(text):
            return tuple(parts)
        if text[position] != ".":
            break
        position += 1
    raise ValueError(f"{shown(text)} is not a key path; write for example gpu.budget")


def find_value(tree: Any, path: KeyPath) -> Any:
    """Return what lies at the path; None where nothing does."""
    for part in path:
        if isinstance(tree, dict):
            tree = tree.get(part)
        elif isinstance(tree, list) and isinstance(part, int) and 0 <= part < len(tree):
            tree = tree[part]
        else:
            return None
    return tree


def longest_known(path: KeyPath, known: Mapping[KeyPath, object]) -> KeyPath:
    """Return the longest beginning of the path that is known; the empty path if none is."""
    while path and path not in known:
        path = path[:-1]
    return path


def shown(value: object) -> str:
    """Write a value for a message: quoted when it is text, on one line, printable, not long."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    if len(text) <= _LONGEST_SHOWN:
        return text
    return text[: _LONGEST_SHOWN - 4] + "..." + (text[-1] if isinstance(value, str) else "")


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return ` (did you mean 'x'?)`; when nothing is close, `; <otherwise>: a, b, c`, or nothing at all."""
    words = list(known)
    # A very long word is no typing mistake, and difflib is quadratic.
    found = get_close_matches(word[:_LONGEST_SHOWN].lower(), words, n=1)
    if found:
        return f" (did you mean {found[0]!r}?)"
    return f"; {otherwise}: {', '.join(words)}" if otherwise and words else ""
