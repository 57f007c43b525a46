"""The `hash` backend: words and character n-grams hashed into a fixed number of signed slots.

Nothing is learned and nothing is downloaded, so it knows spelling and no meaning: texts are near each other
when they share words or parts of words. Parts are what makes Korean work, where one noun meets the reader
with many endings (스택은, 스택을, 스택에서).

The method is feature hashing (Weinberger et al. 2009, arXiv:0902.2206). Vectors must be the same on every
machine, as they are stored: only exactly rounded operations (+, *, /, sqrt) and a keyless BLAKE2b are used.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

from aisuite.services.common import OK
from aisuite.services.embedding.backend import Embedded, ModelCard

DIMENSIONS = 384
MODEL = f"hash-{DIMENSIONS}"
_DIGITS = 7  # about what a float32 keeps

# A run of Latin letters and digits, or a run of other letters: "RAG서비스를" is the word "rag" and then "서비스를".
_WORD = re.compile(r"[0-9a-z_]+|[^\W0-9a-z_]+")
_LATIN_GRAMS = (3, 4)
_OTHER_GRAMS = (2, 3)

Slot = tuple[int, float]


class HashBackend:
    """Embed by hashing; queries and passages are treated alike, and no text is too long."""

    card = ModelCard("hash", MODEL, DIMENSIONS)
    quick_chars = 20_000  # a few milliseconds of work

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Give one unit vector per text, and the number of its words."""
        counts = [Counter(split_words(text)) for text in texts]
        return Embedded([_unit_vector(words) for words in counts], [words.total() for words in counts])

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the words of each text."""
        return [len(split_words(text)) for text in texts]

    def state(self) -> str:
        """Return "ok": there is nothing that could be missing."""
        return OK

    def close(self) -> None:
        """Hold nothing."""


def split_words(text: str) -> list[str]:
    """List the words of a text, Unicode forms and letter case made equal; never empty."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(folded) or [folded]


def _unit_vector(words: Counter[str]) -> list[float]:
    vector = [0.0] * DIMENSIONS
    for word, times in words.items():
        weight = math.sqrt(times)  # the tenth mention says less than the first
        for slot, sign in _slots(word):
            vector[slot] += sign * weight
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0.0:  # every feature met its opposite
        vector[_slot("".join(words))[0]] = length = 1.0
    return [round(value / length, _DIGITS) for value in vector]


@lru_cache(maxsize=1 << 15)
def _slots(word: str) -> tuple[Slot, ...]:
    return tuple(_slot(feature) for feature in _features(word))


def _features(word: str) -> list[str]:
    # Latin words mark their end, as "cat" is not in "concatenate"; other scripts glue their endings on.
    marked, sizes = (f"<{word}>", _LATIN_GRAMS) if word.isascii() else (f"<{word}", _OTHER_GRAMS)
    grams = [marked[at : at + size] for size in sizes for at in range(len(marked) - size + 1)]
    return [f"word {word}", *grams]


def _slot(feature: str) -> Slot:
    digest = int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "little")
    return digest % DIMENSIONS, 1.0 if digest >> 63 else -1.0
