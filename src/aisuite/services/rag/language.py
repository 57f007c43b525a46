"""Which language a question is asked in, as far as it matters here."""

from __future__ import annotations

import re

_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")


def is_korean(text: str) -> bool:
    """Tell whether a text holds Hangul: a Korean question may name things in Latin letters, not the other way."""
    return _HANGUL.search(text) is not None
