"""How rare the terms of a question are among the chunks of a collection, as its store weighs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from aisuite.services.rag.sparse import number_of
from aisuite.services.rag.store import SPARSE
from aisuite.services.rag.upstream import AT_ONCE, Upstream

_TERMS_AT_ONCE = 64


class _Terms(BaseModel):
    indices: list[int]
    values: list[float]


class _Point(BaseModel):
    score: float
    vector: dict[str, _Terms]


class _Points(BaseModel):
    points: list[_Point]


class _Answer(BaseModel):
    result: list[_Points]


class Rarity:
    """Ask the store. Every call raises the errors of `Upstream`."""

    def __init__(self, qdrant: Upstream) -> None:
        self._qdrant = qdrant

    async def weights(self, collection: str, terms: Sequence[str], chunks: int) -> dict[str, float]:
        """Weigh terms by their inverse document frequency in a collection of so many chunks.

        The store does not tell that number. It is the score of a chunk that is searched for by one term, divided by
        the weight of the term in that chunk; a term that finds nothing is in no chunk.
        """
        asked = terms[:_TERMS_AT_ONCE]
        searches = [_search(number_of(term)) for term in asked]
        path = f"/collections/{quote(collection, safe='')}/points/query/batch"
        answer = await self._qdrant.call("POST", path, {"searches": searches}, retry=AT_ONCE)
        found = self._qdrant.understand(_Answer, answer.content).result
        return {term: _weight(number_of(term), one.points, chunks) for term, one in zip(asked, found, strict=False)}


def _search(number: int) -> Mapping[str, Any]:
    query = {"indices": [number], "values": [1.0]}
    return {"query": query, "using": SPARSE, "limit": 1, "with_payload": False, "with_vector": [SPARSE]}


def _weight(number: int, points: Sequence[_Point], chunks: int) -> float:
    if not points:
        return log(1 + (chunks + 0.5) / 0.5)
    stored = points[0].vector[SPARSE]
    return points[0].score / stored.values[stored.indices.index(number)]
