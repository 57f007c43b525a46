"""From a question to the chunks that may answer it."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel

from aisuite.services.rag.embedder import Embedder
from aisuite.services.rag.library import Library, check_model
from aisuite.services.rag.sparse import encode_query
from aisuite.services.rag.store import Filter, VectorStore


class Hit(BaseModel):
    """A chunk that was found; the score orders the hits of one search and means nothing beyond it."""

    score: float
    document_id: str
    source: str | None
    title: str
    text: str
    chunk: int
    start: int
    end: int
    metadata: dict[str, Any]


class Retriever:
    """Search a collection by meaning and by words at once."""

    def __init__(self, store: VectorStore, library: Library, embedder: Embedder, min_score: float) -> None:
        self._store = store
        self._library = library
        self._embedder = embedder
        self._min_score = min_score

    async def search(self, name: str, question: str, topk: int, chosen: Filter) -> list[Hit]:
        """Find at most `topk` of the chunks that a filter matches, best first.

        Raises `ServiceError` 404 for an unknown collection and 409 for one of another embedding model.
        """
        collection, asked = await asyncio.gather(self._library.require(name), self._embedder.embed_question(question))
        check_model(collection, asked)
        found = await self._store.search(
            name, asked.vector, encode_query(question), limit=topk, min_score=self._min_score, chosen=chosen
        )
        return [Hit(**{**one.payload, "title": one.payload["title_path"], "score": one.score}) for one in found]
