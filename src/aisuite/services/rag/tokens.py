"""How long a text is for a language model, without its tokenizer.

The estimate counts one token for: up to four Latin letters, each digit, each sign, each letter of another script
(a Hangul syllable, a kanji), two for what lies outside the basic plane (most emoji), and one for up to four
blanks, where a single blank before a word is free. Real tokenizers of the models in use join more than that in
ordinary Korean and English, so texts tend to be shorter than estimated, not longer; a tokenizer of bytes is the
exception, and `budget.py` learns about it from the server's own counts.

Joining two texts never gives more than the sum of their estimates, which is what packing relies on.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r" ?(?:[A-Za-z]{1,4}|[^\sA-Za-z])|\s{1,4}")
_BEYOND_BASIC_PLANE = re.compile(r"[\U00010000-\U0010ffff]")


def estimate_tokens(text: str) -> int:
    """Estimate the number of tokens of a text."""
    return len(_TOKEN.findall(text)) + len(_BEYOND_BASIC_PLANE.findall(text))
