"""From a question to the chunks that may answer it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field

from aisuite.services.common import ServiceError
from aisuite.services.rag.embedder import Embedder
from aisuite.services.rag.fusion import diversify, fuse
from aisuite.services.rag.library import Library, check_model
from aisuite.services.rag.measures import Measures
from aisuite.services.rag.reranker import Reranker
from aisuite.services.rag.sparse import asked_terms, encode_query, share_of_terms
from aisuite.services.rag.store import DENSE, Filter, Find, Found, Scored, VectorStore
from aisuite.services.rag.upstream import Refused, TooSlow, Unavailable

Method = Literal["dense", "sparse", "hybrid"]

logger = logging.getLogger(__name__)


class Hit(BaseModel):
    """A chunk that was found; the score orders the hits of one search and means nothing beyond it."""

    score: float
    similarity: float | None = Field(default=None, description="Cosine of question and chunk; null: found by words.")
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


@dataclass(frozen=True)
class Searched:
    """What a search found, best first. `reranked` False: the reranker did not answer; None: it was not asked."""

    hits: list[Hit]
    reranked: bool | None = None


@dataclass(frozen=True)
class Search:
    """What is searched for, where and how; `rerank` None: if there is a reranker."""

    collection: str
    question: str
    topk: int
    chosen: Filter
    method: Method = "hybrid"
    diversity: float = 0.0
    rerank: bool | None = None


@dataclass(frozen=True)
class SearchRules:
    """What counts as found: likeness of meaning, or the share of the question's words that a chunk holds.

    `word_weight` is that of the ranking by words beside the one by meaning.
    """

    min_score: float
    min_words: float
    word_weight: float
    rerank_candidates: int


class Retriever:
    """Search a collection by meaning (dense), by words (sparse), or by both at once (hybrid)."""

    def __init__(
        self,
        store: VectorStore,
        library: Library,
        models: tuple[Embedder, Reranker | None],
        rules: SearchRules,
        measures: Measures,
    ) -> None:
        self._store = store
        self._library = library
        self._embedder, self._reranker = models
        self._rules = rules
        self._measures = measures

    async def search(self, search: Search) -> Searched:
        """Find at most `topk` of the chunks that a filter matches, best first.

        Raises `ServiceError` 404 for an unknown collection, 409 for one of another embedding model, 422 when a
        reranker is asked for and there is none.
        """
        if search.rerank and self._reranker is None:
            message = "there is no reranker: set RERANKER_URL"
            raise ServiceError(422, message, code="no_reranker", param="rerank")
        reranks = self._reranker is not None and search.rerank is not False
        wanted = max(search.topk, self._rules.rerank_candidates) if reranks else search.topk
        with self._measures.timed("embed"):
            dense = await self._embed(search)
        with self._measures.timed("search"):
            found = await self._find(search, dense, wanted)
        searched = Searched(self._choose(search, found, wanted))
        if reranks and len(searched.hits) > 1:
            with self._measures.timed("rerank"):
                searched = await self._judge(search.question, searched.hits)
        hits = searched.hits[: search.topk]
        self._measures.retrieved.observe(len(hits))
        return Searched(hits, searched.reranked)

    async def _embed(self, search: Search) -> list[float] | None:
        if search.method == "sparse":
            await self._library.recall(search.collection)
            return None
        embedding = self._embedder.embed_question(search.question)
        known = self._library.remembered(search.collection)
        if known is None:
            collection, asked = await asyncio.gather(self._library.recall(search.collection), embedding)
        else:
            collection, asked = known, await embedding
        check_model(collection, asked.card)
        return asked.vector

    async def _find(self, search: Search, dense: list[float] | None, wanted: int) -> Found:
        sparse = None if search.method == "dense" else encode_query(search.question)
        find = Find(wanted, search.chosen, self._rules.min_score, with_vectors=search.diversity > 0)
        try:
            return await self._store.search(search.collection, dense, sparse, find)
        except Refused as err:
            if err.upstream_status != 404:
                raise
            self._library.forget(search.collection)
            await self._library.require(search.collection)
            raise

    def _choose(self, search: Search, found: Found, wanted: int) -> list[Hit]:
        alike = {str(one.id): one.score for one in found.dense}
        chunks = {str(one.id): one for one in (*found.sparse, *found.dense)}
        rankings = [[str(one.id) for one in ranking] for ranking in (found.dense, found.sparse)]
        scores = fuse(rankings, (1.0, self._rules.word_weight))
        if search.diversity > 0:
            vectors = {name: (one.vector or {})[DENSE] for name, one in chunks.items()}
            names = diversify(scores, vectors, search.diversity, len(scores))
        else:
            names = list(scores)
        hits, asked = list[Hit](), asked_terms(search.question)
        for name in names:
            if len(hits) < wanted and (name in alike or self._holds_words(asked, chunks[name])):
                hits.append(_hit(chunks[name], scores[name], alike.get(name)))
        return hits

    def _holds_words(self, asked: Set[str], chunk: Scored) -> bool:
        text = f"{chunk.payload['title_path']} {chunk.payload['text']}"
        return share_of_terms(asked, text) >= self._rules.min_words

    async def _judge(self, question: str, hits: list[Hit]) -> Searched:
        """Order hits by the reranker; without it they keep their order."""
        if self._reranker is None:
            return Searched(hits)
        try:
            scores = await self._reranker.scores(question, [f"{hit.title}\n{hit.text}" for hit in hits])
        except (Unavailable, TooSlow) as err:
            logger.warning("not reranked: %s", err.message)
            return Searched(hits, reranked=False)
        judged = [hit.model_copy(update={"score": score}) for hit, score in zip(hits, scores, strict=True)]
        return Searched(sorted(judged, key=lambda hit: -hit.score), reranked=True)


def _hit(chunk: Scored, score: float, similarity: float | None) -> Hit:
    payload = chunk.payload
    return Hit(**{**payload, "title": payload["title_path"], "score": score, "similarity": similarity})
