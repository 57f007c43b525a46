"""The embedding service as an ASGI application."""

from __future__ import annotations

from fastapi import FastAPI

from aisuite.services.common import OK, install
from aisuite.services.embedding import api, openai_api
from aisuite.services.embedding.engine import Engine, open_backend
from aisuite.services.embedding.limits import Limits
from aisuite.services.embedding.settings import EmbeddingSettings


def create_app(settings: EmbeddingSettings) -> FastAPI:
    """Make the application with its model loaded. Raises `StartError`."""
    backend = open_backend(settings)
    app = FastAPI(title="aisuite embedding")

    async def check_health() -> dict[str, str]:
        return {"model": OK}

    metrics = install(app, settings, health=check_health)
    engine = Engine(backend, metrics)
    limits = Limits(settings.embedding_max_texts, settings.embedding_max_chars)
    app.include_router(api.create_router(engine, limits))
    app.include_router(openai_api.create_router(engine, limits))
    return app
