"""Which language a question is asked in, as far as it matters here."""

from __future__ import annotations

import re

_LETTER = re.compile(r"[^\W\d_]")
_LOOKED_AT = 2000
_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")


def is_korean(text: str) -> bool:
    """Tell whether a text holds Hangul: a Korean question may name things in Latin letters, not the other way."""
    return _HANGUL.search(text) is not None


def name_language(text: str) -> str:
    """Name the language of a stored text: "ko", "en", or "und" for none of the two."""
    letters = _LETTER.findall(text[:_LOOKED_AT])
    hangul = sum(_HANGUL.match(letter) is not None for letter in letters)
    if 4 * hangul >= len(letters) > 0:
        return "ko"
    return "en" if letters and sum(letter.isascii() for letter in letters) >= 0.9 * len(letters) else "und"
