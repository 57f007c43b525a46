"""What all routes share: the store, the body, and Qdrant's envelope."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from aisuite.services.common import ServiceError
from aisuite.services.vectordb.catalogue import Catalogue
from aisuite.services.vectordb.snapshots import Snapshots
from aisuite.services.vectordb.wire import Body, parse_body

B = TypeVar("B", bound=Body)


@dataclass(frozen=True)
class Store:
    """What the routes work on."""

    catalogue: Catalogue
    snapshots: Snapshots
    max_body_bytes: int
    started: datetime


def the_store(request: Request) -> Store:
    """Give the store of the app."""
    return cast("Store", request.app.state.store)


async def read_body(request: Request) -> bytes:
    """Read a body up to the limit."""
    limit = the_store(request).max_body_bytes
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise ServiceError(413, f"Payload too large: a body may have {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


# What is as small is read sooner than a thread gets its turn.
_QUICK_BYTES = 1 << 16

StoreDep = Annotated[Store, Depends(the_store)]
RawBody = Annotated[bytes, Depends(read_body)]


async def answer(work: Callable[[], Any]) -> Response:
    """Do the work in a thread and wrap its result; so is the work of making JSON."""
    begun = time.perf_counter()
    return _json(await run_in_threadpool(_wrapped, work, begun))


async def answer_body(shape: type[B], raw: bytes, work: Callable[[B], Any]) -> Response:
    """Read the body as well in the thread."""
    return await answer(lambda: work(parse_body(shape, raw)))


async def answer_search(shape: type[B], raw: bytes, work: Callable[[B], Any]) -> Response:
    """Read a small body and search at once: the engine lets no other thread work meanwhile."""
    if len(raw) > _QUICK_BYTES:
        return await answer_body(shape, raw, work)
    return _json(_wrapped(lambda: work(parse_body(shape, raw)), time.perf_counter()))


def _wrapped(work: Callable[[], Any], begun: float) -> bytes:
    result = work()
    envelope = {"result": result, "status": "ok", "time": time.perf_counter() - begun}
    return to_json(envelope, inf_nan_mode="null")


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
