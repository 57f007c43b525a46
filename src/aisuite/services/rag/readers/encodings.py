"""Bytes to text, whatever encoding they are in."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT = 2**18  # bytes that say enough about the rest
_HANGUL_SHARE = 0.5


class Undecodable(ValueError):
    """No encoding makes text of these bytes."""


def decode(content: bytes) -> str:
    """Read text in UTF-8, in what its byte order mark says, in CP949, or in what its letters look like.

    Raises `Undecodable`.
    """
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if marked is None and b"\0" in content[:_LOOKED_AT]:
        raise Undecodable("not text: it holds zero bytes")
    for name in (marked,) if marked else ("utf-8", _guess(content)):
        if name is not None and (text := _try(content, name)) is not None:
            return text.replace("\0", "")
    raise Undecodable("not text in any known encoding")


def _guess(content: bytes) -> str | None:
    if _looks_korean(content[:_LOOKED_AT]):
        return "cp949"
    from charset_normalizer import from_bytes

    best = from_bytes(content[:_LOOKED_AT]).best()
    return best.encoding if best else None


def _looks_korean(content: bytes) -> bool:
    """Tell whether CP949 makes mostly Hangul of what is not ASCII: guessers take short Korean for Chinese."""
    try:
        letters = [letter for letter in content.decode("cp949", "ignore") if not letter.isascii()]
    except LookupError:  # a Python without East Asian codecs
        return False
    hangul = sum("가" <= letter <= "힣" for letter in letters)
    return hangul > _HANGUL_SHARE * max(1, len(letters))


def _try(content: bytes, name: str) -> str | None:
    try:
        return content.decode(name)
    except (UnicodeError, LookupError):
        return None
