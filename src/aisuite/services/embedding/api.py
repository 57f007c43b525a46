"""The routes in our own form: /embed and /models."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.responses import Response

from aisuite.services.common.disconnect import while_connected
from aisuite.services.common.openapi import refusals
from aisuite.services.embedding.backend import BackendName, Kind, ModelCard
from aisuite.services.embedding.engine import Engine
from aisuite.services.embedding.limits import Limits, Text

REFUSALS = refusals(413, 422, 429, 503)


class EmbedRequest(BaseModel):
    """Texts to embed, and which side of a search they are."""

    model_config = ConfigDict(extra="forbid")

    texts: Annotated[list[Text], Field(min_length=1)]
    kind: Kind = "passage"


class EmbedAnswer(BaseModel):
    """One vector per text, in their order. Store `space`: vectors of another one cannot be compared with these."""

    embeddings: list[list[float]]
    model: str
    dim: int
    normalize: bool
    space: str
    tokens: int
    truncated: list[int] = Field(description="Numbers of the texts that were cut at the model's limit, from 0.")


class TokenCounts(BaseModel):
    """The tokens of each text behind its prefix; what is over `max_tokens` is cut by an embedding."""

    tokens: list[int]
    max_tokens: int | None = Field(description="None: no limit.")


class ModelDescription(BaseModel):
    """The model, and what one request may hold."""

    backend: BackendName
    model: str
    dim: int
    normalize: bool
    space: str
    max_tokens: int | None = Field(description="Of one text, its prefix included; the rest is cut. None: no limit.")
    query_prefix: str
    passage_prefix: str
    max_texts: int
    max_chars: int


class Models(BaseModel):
    """The one model of this service."""

    models: list[ModelDescription]


def json_response(body: dict[str, Any]) -> Response:
    """Answer with JSON written by pydantic: four times faster for a million numbers than the default."""
    return Response(to_json(body), media_type="application/json")


def create_router(engine: Engine, limits: Limits) -> APIRouter:
    """Make the routes."""
    router = APIRouter()

    @router.post("/embed", response_model=EmbedAnswer, responses=REFUSALS)
    async def embed(body: EmbedRequest, request: Request) -> Response:
        """Turn texts into vectors."""
        limits.check(body.texts, "texts")
        card = engine.card
        embedded = engine.embed_at_once(body.texts, body.kind)
        if embedded is None:
            embedded = await while_connected(request, engine.embed(body.texts, body.kind))
        answer = {
            "embeddings": embedded.vectors,
            "model": card.model,
            "dim": card.dim,
            "normalize": card.normalize,
            "space": card.space,
            "tokens": sum(embedded.tokens),
            "truncated": embedded.truncated,
        }
        return json_response(answer)

    @router.post("/tokenize", responses=REFUSALS)
    async def tokenize(body: EmbedRequest) -> TokenCounts:
        """Count the tokens of texts."""
        limits.check(body.texts, "texts")
        return TokenCounts(tokens=await engine.count(body.texts, body.kind), max_tokens=engine.card.max_tokens)

    @router.get("/models", responses=refusals(503))
    async def models() -> Models:
        """Describe the model."""
        return Models(models=[_describe(engine.card, limits)])

    return router


def _describe(card: ModelCard, limits: Limits) -> ModelDescription:
    return ModelDescription(
        backend=card.backend,
        model=card.model,
        dim=card.dim,
        normalize=card.normalize,
        space=card.space,
        max_tokens=card.max_tokens,
        query_prefix=card.query_prefix,
        passage_prefix=card.passage_prefix,
        max_texts=limits.texts,
        max_chars=limits.chars,
    )
