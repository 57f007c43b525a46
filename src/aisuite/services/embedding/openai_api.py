"""The routes in OpenAI's form: /v1/embeddings and /v1/models."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from starlette.responses import Response

from aisuite.services.common import ServiceError
from aisuite.services.common.disconnect import while_connected
from aisuite.services.common.openapi import refusals
from aisuite.services.embedding.api import REFUSALS, json_response
from aisuite.services.embedding.backend import Kind, ModelCard
from aisuite.services.embedding.engine import Engine
from aisuite.services.embedding.limits import Limits

_OWNER = "aisuite"
_TEXT_SCHEMA = {"type": "string", "minLength": 1, "pattern": r"\S"}
_INPUT_SCHEMA = {"anyOf": [_TEXT_SCHEMA, {"type": "array", "items": _TEXT_SCHEMA, "minItems": 1}]}


def _as_texts(value: object) -> object:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and any(isinstance(item, int | list) for item in value):
        raise ValueError("token arrays are not accepted, as each model has its own tokens; send text")
    return value


def _as_number(value: object) -> object:
    if isinstance(value, str | bool):  # pydantic would take them; JSON's numbers are meant
        raise ValueError("a whole number is needed")  # noqa: TRY004  pydantic wants it so
    return value


class EmbeddingsRequest(BaseModel):
    """OpenAI's request; what it may hold besides is ignored, as there."""

    model: str
    input: Annotated[list[str], Field(min_length=1), BeforeValidator(_as_texts), WithJsonSchema(_INPUT_SCHEMA)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Field(ge=1), BeforeValidator(_as_number)] | None = None
    input_type: Kind = Field("passage", description="Not OpenAI's: which side of a search the texts are.")


class EmbeddingRow(BaseModel):
    """The vector of one text."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str = Field(description="Numbers, or little-endian 32-bit floats in base64.")


class Usage(BaseModel):
    """What was read."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(BaseModel):
    """OpenAI's answer; `truncated` lists the texts that were cut at the model's limit."""

    object: Literal["list"]
    data: list[EmbeddingRow]
    model: str
    usage: Usage
    truncated: list[int]


class ModelRow(BaseModel):
    """A model as OpenAI lists it."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = _OWNER


class ModelList(BaseModel):
    """The models as OpenAI lists them."""

    object: Literal["list"] = "list"
    data: list[ModelRow]


def create_router(engine: Engine, limits: Limits) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/v1")

    @router.post("/embeddings", response_model=EmbeddingsAnswer, responses=REFUSALS | refusals(404))
    async def embeddings(body: EmbeddingsRequest, request: Request) -> Response:
        """Turn texts into vectors."""
        card = engine.card
        _check_model(body, card)
        limits.check(body.input, "input")
        embedded = await while_connected(request, engine.embed(body.input, body.input_type))
        encode = encode_base64 if body.encoding_format == "base64" else list
        tokens = sum(embedded.tokens)
        answer: dict[str, Any] = {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": encode(vector)}
                for index, vector in enumerate(embedded.vectors)
            ],
            "model": card.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            "truncated": embedded.truncated,
        }
        return json_response(answer)

    @router.get("/models", responses=refusals(503))
    async def models() -> ModelList:
        """List the model."""
        return ModelList(data=[ModelRow(id=engine.card.model)])

    return router


def encode_base64(vector: Sequence[float]) -> str:
    """Write a vector as little-endian 32-bit floats in base64, as OpenAI does."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _check_model(request: EmbeddingsRequest, card: ModelCard) -> None:
    if request.model != card.model:
        message = f"no model {request.model!r} here; this service has {card.model}"
        raise ServiceError(404, message, code="model_not_found", param="model")
    if request.dimensions not in (None, card.dim):
        message = f"dimensions must be {card.dim} or left out: {card.model} cannot shorten its vectors"
        raise ServiceError(422, message, code="invalid_request", param="dimensions")
