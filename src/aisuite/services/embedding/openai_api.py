"""The routes in OpenAI's form: /v1/embeddings and /v1/models."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, Field
from starlette.responses import Response

from aisuite.services.common import ServiceError
from aisuite.services.embedding.api import json_response
from aisuite.services.embedding.engine import Engine
from aisuite.services.embedding.limits import Limits

_OWNER = "aisuite"


def _as_texts(value: object) -> object:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and any(isinstance(item, int | list) for item in value):
        raise ValueError("token arrays are not accepted, as each model has its own tokens; send text")
    return value


class EmbeddingsRequest(BaseModel):
    """OpenAI's request; what it may hold besides is ignored, as there."""

    model: str
    input: Annotated[list[str], Field(min_length=1), BeforeValidator(_as_texts)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


def create_router(engine: Engine, limits: Limits) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/v1")
    backend = engine.backend

    @router.post("/embeddings")
    async def embeddings(request: EmbeddingsRequest) -> Response:
        _check_model(request, backend.model, backend.dim)
        limits.check(request.input, "input")
        embedded = await engine.embed(request.input, "passage")
        encode = encode_base64 if request.encoding_format == "base64" else list
        data = [
            {"object": "embedding", "index": index, "embedding": encode(vector)}
            for index, vector in enumerate(embedded.vectors)
        ]
        usage = {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens}
        return json_response({"object": "list", "data": data, "model": backend.model, "usage": usage})

    @router.get("/models")
    async def models() -> dict[str, Any]:
        card = {"id": backend.model, "object": "model", "created": 0, "owned_by": _OWNER}
        return {"object": "list", "data": [card]}

    return router


def encode_base64(vector: Sequence[float]) -> str:
    """Write a vector as little-endian 32-bit floats in base64, as OpenAI does."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _check_model(request: EmbeddingsRequest, model: str, dim: int) -> None:
    if request.model != model:
        message = f"no model {request.model!r} here; this service has {model}"
        raise ServiceError(404, message, code="model_not_found", param="model")
    if request.dimensions not in (None, dim):
        message = f"dimensions must be {dim} or left out: {model} cannot shorten its vectors"
        raise ServiceError(422, message, code="invalid_request", param="dimensions")
