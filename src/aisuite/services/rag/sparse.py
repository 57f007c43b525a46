"""Sparse vectors for exact words, for the half of a search that knows names, numbers and rare terms.

A term is a whole word, or in scripts that write words together (Hangul, kana, ideographs) a pair of neighbouring
characters: 스택은 and 스택을 share 스택 whatever particle follows. The store weighs terms by rarity (its `idf`
modifier), so only the term frequency is sent, saturated as in BM25 with k1 = 1.2 and no length norm.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import NamedTuple
from zlib import crc32

from aisuite.services.rag.stop_words import STOP_WORDS

_K1 = 1.2
# Pairs that close nearly every Korean sentence: they would make any two polite texts seem related.
_ENDINGS = frozenset(
    [
        "습니",
        "입니",
        "합니",
        "됩니",
        "니다",
        "니까",
        "까요",
        "나요",
        "어요",
        "아요",
        "해요",
        "세요",
        "에요",
        "예요",
        "네요",
    ]
)

# Hangul syllables and jamo, kana, bopomofo, ideographs.
_JOINED = (
    r"\u1100-\u11ff\u3040-\u318f\u31a0-\u31bf\u3400-\u4dbf\u4e00-\u9fff"
    r"\ua960-\ua97f\uac00-\ud7ff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_JOINED}]+|[^\W{_JOINED}]+")
_IS_JOINED = re.compile(rf"[{_JOINED}]")


class SparseVector(NamedTuple):
    """Term numbers, each once, and their weights."""

    indices: list[int]
    values: list[float]


def encode_document(text: str) -> SparseVector:
    """Weigh the terms of a stored text."""
    weights = {term: times * (_K1 + 1) / (times + _K1) for term, times in Counter(_terms(text)).items()}
    return _as_vector(weights)


def encode_query(text: str) -> SparseVector:
    """Weigh the terms of a question: each that says something counts once."""
    return _as_vector(dict.fromkeys(sorted(_asked_terms(text)), 1.0))


def share_of_terms(question: str, text: str) -> float:
    """Tell which share of a question's terms stand in a text; 0 when it has none."""
    asked = _asked_terms(question)
    return len(asked & set(_terms(text))) / len(asked) if asked else 0.0


def _asked_terms(question: str) -> set[str]:
    return set(_terms(question)) - STOP_WORDS


def _terms(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [term for word in _WORD.findall(folded) for term in _terms_of(word)]


def _terms_of(word: str) -> list[str]:
    if not _IS_JOINED.match(word) or len(word) == 1:
        return [word]
    return [pair for at in range(len(word) - 1) if (pair := word[at : at + 2]) not in _ENDINGS]


def _as_vector(weights: dict[str, float]) -> SparseVector:
    numbered: dict[int, float] = {}
    for term, weight in weights.items():
        number = crc32(term.encode())
        numbered[number] = numbered.get(number, 0.0) + weight
    return SparseVector(list(numbered), list(numbered.values()))
