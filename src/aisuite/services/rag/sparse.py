"""Sparse vectors for exact words, for the half of a search that knows names, numbers and rare terms.

A term is a whole word, or in scripts that write words together (Hangul, kana, ideographs) a pair of neighbouring
characters: 스택은 and 스택을 share 스택 whatever particle follows. A question is asked without its particles, as a
pair like 택은 or a lone 는 behind a Latin word is rare and says nothing.

The store weighs terms by rarity (its `idf` modifier), so only the term frequency is sent, saturated and normed by
length as in BM25. A term of the title counts more often, after BM25F (Robertson, Zaragoza and Taylor 2004,
doi:10.1145/1031171.1031181). What is usual for a length is fixed, as no chunk may depend on its neighbours.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Set
from typing import NamedTuple
from zlib import crc32

from aisuite.services.rag.stop_words import STOP_WORDS

_K1 = 1.2
_LENGTH_SHARE = 0.5  # how much of the norm is that of length: b of BM25
_USUAL_TERMS = 150
_TITLE_TIMES = 3
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
_PARTICLES = frozenset("은는이가을를에의도로와과만")
_LONG_PARTICLES = (
    "에서",
    "에게",
    "으로",
    "까지",
    "부터",
    "이란",
    "에는",
    "에도",
    "라는",
    "처럼",
    "보다",
    "이나",
    "하고",
    "한테",
)
_SHORTEST_NOUN = 2  # a shorter rest is no noun but for a few, and too little to search for

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


def encode_document(title: str, text: str) -> SparseVector:
    """Weigh the terms of a stored text and of the titles it stands under."""
    in_title, in_text = Counter(_terms(title)), Counter(_terms(text))
    length = (in_title.total() + in_text.total()) / _USUAL_TERMS
    saturation = _K1 * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length)
    times = in_text + Counter({term: count + _TITLE_TIMES for term, count in in_title.items()})
    return _as_vector({term: count * (_K1 + 1) / (count + saturation) for term, count in times.items()})


def encode_query(text: str) -> SparseVector:
    """Weigh the terms of a question: each that says something counts once."""
    return _as_vector(dict.fromkeys(sorted(asked_terms(text)), 1.0))


def share_of_terms(asked: Set[str], text: str) -> float:
    """Tell which share of a question's terms stand in a text; 0 when it has none."""
    return len(asked & terms_of_text(text)) / len(asked) if asked else 0.0


def terms_of_text(text: str) -> set[str]:
    """List the terms of a text."""
    return set(_terms(text))


def asked_words(question: str) -> list[tuple[str, ...]]:
    """List the words of a question that say something, each by its terms."""
    found = (_terms_of(_without_particle(word)) for word in _words(question))
    words = (tuple(term for term in terms if term not in STOP_WORDS) for terms in found)
    return [word for word in words if word]


def asked_terms(question: str) -> set[str]:
    """List the terms of a question that say something."""
    return {term for word in asked_words(question) for term in word}


def number_of(term: str) -> int:
    """Give the number under which a term is stored."""
    return crc32(term.encode())


def _without_particle(word: str) -> str:
    if word in _PARTICLES or word in _LONG_PARTICLES:
        return ""
    for size in (2, 1):
        rest, last = word[:-size], word[-size:]
        if len(rest) >= _SHORTEST_NOUN and (last in _LONG_PARTICLES or last in _PARTICLES):
            return rest
    return word


def _terms(text: str) -> list[str]:
    return [term for word in _words(text) for term in _terms_of(word)]


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _terms_of(word: str) -> list[str]:
    if not _IS_JOINED.match(word) or len(word) == 1:
        return [word] if word else []
    return [pair for at in range(len(word) - 1) if (pair := word[at : at + 2]) not in _ENDINGS]


def _as_vector(weights: dict[str, float]) -> SparseVector:
    numbered: dict[int, float] = {}
    for term, weight in weights.items():
        number = number_of(term)
        numbered[number] = numbered.get(number, 0.0) + weight
    return SparseVector(list(numbered), list(numbered.values()))
