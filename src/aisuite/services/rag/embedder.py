"""Vectors from the embedding service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

from pydantic import BaseModel, Field

from aisuite.services.common import ServiceError
from aisuite.services.rag.pace import Pace
from aisuite.services.rag.upstream import Refused, Retry, Unavailable, Upstream

_TEXT_REFUSED = (413, 422)


class ModelCard(BaseModel):
    """The model that the embedding service runs; vectors of another `space` cannot be compared with its own."""

    model: str
    dim: int
    space: str | None = None


class _Models(BaseModel):
    models: list[ModelCard] = Field(min_length=1)


class _Embedded(ModelCard):
    embeddings: list[list[float]]


@dataclass(frozen=True)
class QuestionVector:
    """The vector of a question, and the model that made it."""

    card: ModelCard
    vector: list[float]


class Embedder:
    """Ask for vectors. Every call raises the errors of `Upstream`, after trying again as told."""

    def __init__(self, service: Upstream, retry: Retry) -> None:
        self._service = service
        self._retry = retry
        self._pace = Pace()

    async def card(self) -> ModelCard:
        """Ask which model is running."""
        answer = await self._service.call("GET", "/models", retry=self._retry)
        return self._service.understand(_Models, answer.content).models[0]

    async def embed_question(self, text: str) -> QuestionVector:
        """Embed a question. Raises `ServiceError` 422 for one that the model does not take."""
        try:
            embedded = await self._embed([text], "query")
        except Refused as err:
            if err.upstream_status not in _TEXT_REFUSED:
                raise
            message = f"the question cannot be embedded: {err.reason}"
            raise ServiceError(422, message, code="question_refused", param="query") from err
        return QuestionVector(embedded, embedded.embeddings[0])

    async def embed_passages(self, texts: Sequence[str], card: ModelCard) -> list[list[float]]:
        """Embed what is to be found, one vector per text, with the model of `card` and no other."""
        vectors: list[list[float]] = []
        for part in self._pace.parts(texts):
            begun = perf_counter()
            embedded = await self._embed(part, "passage")
            self._pace.learn(len(part), perf_counter() - begun)
            if (embedded.model, embedded.dim, embedded.space) != (card.model, card.dim, card.space):
                reason = f"its model changed from {card.model} to {embedded.model} while indexing"
                raise Unavailable(self._service.name, reason)
            vectors += embedded.embeddings
        return vectors

    async def _embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> _Embedded:
        body = {"texts": list(texts), "kind": kind}
        answer = await self._service.call("POST", "/embed", body, retry=self._retry)
        embedded = self._service.understand(_Embedded, answer.content)
        if len(embedded.embeddings) != len(texts):
            raise Unavailable(self._service.name, f"it sent {len(embedded.embeddings)} vectors for {len(texts)} texts")
        return embedded
