"""Answers as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from starlette.responses import StreamingResponse

from aisuite.services.common import ServiceError
from aisuite.services.common.errors import openai_form
from aisuite.services.rag.question import Event


def event_stream(events: AsyncGenerator[Event]) -> StreamingResponse:
    """Send events as they come; a failure on the way is the last event, `error`, in the form of an error body."""
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(_written(events), media_type="text/event-stream", headers=headers)


async def _written(events: AsyncGenerator[Event]) -> AsyncIterator[bytes]:
    try:
        async with aclosing(events):
            async for event in events:
                yield _write(event)
    except ServiceError as err:
        yield _write(Event("error", openai_form(err)))


def _write(event: Event) -> bytes:
    data = json.dumps(event.data, ensure_ascii=False)
    # Half a surrogate pair, should a model send one, becomes an escape that JSON knows.
    return f"event: {event.name}\ndata: {data}\n\n".encode("utf-8", "backslashreplace")
