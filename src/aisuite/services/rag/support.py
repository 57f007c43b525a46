"""Whether what was found holds enough of a question's words to answer it.

An embedding that knows spelling and no meaning cannot tell a text that answers from one on the same matter. What the
two differ in is a word: who asks for the warranty of a kiln finds the kiln's manual, without that word. So the words
of a question are weighed by their rarity, and the share that was found is the support of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from aisuite.services.rag.library import Library
from aisuite.services.rag.rarity import Rarity
from aisuite.services.rag.retriever import Hit, Search
from aisuite.services.rag.sparse import asked_words, terms_of_text

_KOREAN = "ko"
# Tuned on half of benchmarks/rag, where 0.45 refused no question that has an answer: one step less.
HASH_MIN_SUPPORT = 0.4
_HASH = "hash-"
_LOOKED_AT = 4
# Among few chunks every word is rare or everywhere. With one document a question would be refused for each of its words
# that is not in it.
_CHUNKS_THAT_TELL = 50
_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
_LATIN_NAME = re.compile(r"[a-z]{3}")

Word = tuple[str, ...]


class Text(Protocol):
    """A chunk as far as it matters here."""

    @property
    def title(self) -> str:
        """The titles it stands under."""

    @property
    def text(self) -> str:
        """Its text."""

    @property
    def language(self) -> str | None:
        """Its language by `name_language`."""


class Support:
    """Judge what was found for a question, by the rule of its collection's embedding model."""

    def __init__(self, rarity: Rarity, library: Library, least: float | None) -> None:
        self._rarity = rarity
        self._library = library
        self._least = least

    async def suffices(self, search: Search, hits: Sequence[Hit]) -> bool:
        """Tell whether a model should be asked about these hits. Raises as `Retriever.search`."""
        if not hits:
            return False
        collection = await self._library.recall(search.collection)
        least = self._least
        if least is None:
            least = HASH_MIN_SUPPORT if (collection.model or "").startswith(_HASH) else 0.0
        least *= min(1.0, collection.chunks / _CHUNKS_THAT_TELL)
        words = asked_words(search.question)
        if least == 0 or not words:
            return True
        terms = sorted({term for word in words for term in word})
        weights = await self._rarity.weights(search.collection, terms, collection.chunks)
        return share_supported(words, weights, hits[:_LOOKED_AT]) >= least


def share_supported(words: Sequence[Word], weights: Mapping[str, float], texts: Sequence[Text]) -> float:
    """Return which share of the weight of a question's words is found: 0 to 1.

    It is the mean of what the best text holds and what all texts hold together, as an answer may lie in several.
    """
    worth = {word: max(weights.get(term, 0.0) for term in word) for word in words}
    held = [_held(words, weights, text) for text in texts]
    together = {word: max(one.get(word, 0.0) for one in held) for word in {word for one in held for word in one}}
    best = max((_mean(one, worth) for one in held), default=0.0)
    return (best + _mean(together, worth)) / 2


def _held(words: Collection[Word], weights: Mapping[str, float], text: Text) -> dict[Word, float]:
    """Tell how much of each word a text holds; Korean words cannot be in a text of another language."""
    expected = words
    if text.language != _KOREAN and any(_LATIN_NAME.search(word[0]) for word in words):
        expected = [word for word in words if not _HANGUL.match(word[0])]
    there = terms_of_text(f"{text.title}\n{text.text}")
    return {
        word: _share(sum(weights.get(term, 0.0) for term in word if term in there), word, weights) for word in expected
    }


def _share(found: float, word: Word, weights: Mapping[str, float]) -> float:
    whole = sum(weights.get(term, 0.0) for term in word)
    return found / whole if whole else 0.0


def _mean(held: Mapping[Word, float], worth: Mapping[Word, float]) -> float:
    whole = sum(worth[word] for word in held)
    return sum(worth[word] * share for word, share in held.items()) / whole if whole else 0.0
