"""The stand-in as an ASGI application: the part of llama-server's API that the gateway asks."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from aisuite.services.common import install
from aisuite.services.stub.answers import completion, refusal
from aisuite.services.stub.settings import StubSettings
from aisuite.services.stub.streams import Stream

_GARBAGE = "<html>this is no JSON"
_SLOW = frozenset({"slow", "too-slow"})
_REFUSING = frozenset({"500", "503", "429"})


def create_app(settings: StubSettings) -> FastAPI:
    """Make the application. Raises `StartError`."""
    app = FastAPI(title="aisuite stand-in")
    install(app, settings)

    @app.get("/health")
    async def health() -> Response:
        # As llama-server does while it loads; in every other mode the server believes that it is well.
        return refusal(503) if settings.stub_mode == "503" else JSONResponse({"status": "ok"})

    @app.get("/v1/models")
    async def models() -> Response:
        if settings.stub_mode in _REFUSING:
            return refusal(int(settings.stub_mode))
        return JSONResponse({"object": "list", "data": [{"id": settings.stub_model, "object": "model"}]})

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        return await _answer(settings, await request.body())

    return app


async def _answer(settings: StubSettings, body: bytes) -> Response:
    mode = settings.stub_mode
    if mode in _REFUSING:
        return refusal(int(mode))
    if mode in _SLOW:
        await asyncio.sleep(settings.stub_delay)
    if mode == "poisoned" and settings.stub_poison.encode() in body:
        return refusal(500)
    if mode == "garbage":
        return Response(_GARBAGE, media_type="application/json")
    if not _wants_stream(body):
        return JSONResponse(completion(settings.stub_model))
    return Stream(settings.stub_model, end=mode if mode in {"cut", "stall"} else "whole")


def _wants_stream(body: bytes) -> bool:
    try:
        asked: Any = json.loads(body)
    except ValueError:
        return False
    return isinstance(asked, dict) and asked.get("stream") is True
