"""From a question to the chunks that may answer it."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from pydantic import BaseModel

from aisuite.services.rag.embedder import Embedder
from aisuite.services.rag.library import Library, check_model
from aisuite.services.rag.sparse import encode_query
from aisuite.services.rag.store import Filter, VectorStore

Method = Literal["dense", "sparse", "hybrid"]


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
    page: int | None = None
    language: str | None = None
    metadata: dict[str, Any]


class Retriever:
    """Search a collection by meaning (dense), by words (sparse), or by both at once (hybrid)."""

    def __init__(self, store: VectorStore, library: Library, embedder: Embedder, min_score: float) -> None:
        self._store = store
        self._library = library
        self._embedder = embedder
        self._min_score = min_score

    async def search(self, name: str, question: str, topk: int, chosen: Filter, method: Method = "hybrid") -> list[Hit]:
        """Find at most `topk` of the chunks that a filter matches, best first.

        Raises `ServiceError` 404 for an unknown collection and 409 for one of another embedding model.
        """
        dense = await self._embed(name, question, method)
        sparse = None if method == "dense" else encode_query(question)
        found = await self._store.search(name, dense, sparse, limit=topk, min_score=self._min_score, chosen=chosen)
        return [Hit(**{**one.payload, "title": one.payload["title_path"], "score": one.score}) for one in found]

    async def _embed(self, name: str, question: str, method: Method) -> list[float] | None:
        if method == "sparse":
            await self._library.require(name)
            return None
        collection, asked = await asyncio.gather(self._library.require(name), self._embedder.embed_question(question))
        check_model(collection, asked)
        return asked.vector
