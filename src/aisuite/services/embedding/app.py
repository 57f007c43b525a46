"""The embedding service as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from aisuite.services.common import install
from aisuite.services.embedding import api, openai_api
from aisuite.services.embedding.backends import choose_backend
from aisuite.services.embedding.engine import Engine
from aisuite.services.embedding.limits import Limits
from aisuite.services.embedding.settings import EmbeddingSettings


def create_app(settings: EmbeddingSettings) -> FastAPI:
    """Make the application; a model that has to be read from a file or a server is opened once it runs.

    Raises `StartError`.
    """
    opener = choose_backend(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engine.opened():
            yield

    app = FastAPI(title="aisuite embedding", version="1", lifespan=lifespan)

    async def check_health() -> dict[str, str]:
        return {"model": await engine.state()}

    metrics = install(app, settings, health=check_health)
    engine = Engine(opener, settings.embedding_batch, settings.embedding_queue, metrics)
    if settings.embedding_backend == "hash":
        engine.open()  # at once: there is nothing to load
    limits = Limits(settings.embedding_max_texts, settings.embedding_max_chars)
    app.include_router(api.create_router(engine, limits))
    app.include_router(openai_api.create_router(engine, limits))
    return app
