"""Who answers here, and whether it is well."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from aisuite.services.vectordb.api.answer import StoreDep, answer

TITLE = "aisuite vector store: Qdrant's REST API on the embedded Qdrant Edge engine, not the Qdrant server"
# The API level that is spoken; clients compare the first two numbers with their own.
VERSION = "1.20.0-aisuite-embedded"
OPEN_PATHS = frozenset({"/", "/livez", "/healthz", "/readyz", "/health"})

router = APIRouter()


@router.get("/")
async def root() -> dict[str, str | None]:
    """Say truthfully what this is."""
    return {"title": TITLE, "version": VERSION, "commit": None}


@router.get("/healthz")
async def healthz() -> Response:
    """Answer as Qdrant does."""
    return PlainTextResponse("healthz check passed")


@router.get("/readyz")
async def readyz(store: StoreDep) -> Response:
    """Answer 503 when a collection cannot be opened."""
    if broken := sorted(store.catalogue.broken):
        return PlainTextResponse(f"collections cannot be opened: {', '.join(broken)}", status_code=503)
    return PlainTextResponse("all shards are ready")


@router.get("/telemetry")
async def telemetry(store: StoreDep) -> Response:
    """Give the little there is."""
    return await answer(
        lambda: {
            "id": "embedded",
            "app": {"name": TITLE, "version": VERSION, "startup": store.started.isoformat()},
            "collections": {"number_of_collections": len(store.catalogue.names())},
        }
    )


@router.get("/cluster")
async def cluster() -> Response:
    """Say that there is no cluster."""
    return await answer(lambda: {"status": "disabled"})
