"""Streams that end as they should, break off midway, or fall silent."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Literal

from starlette.responses import Response

from aisuite.services.stub.answers import WORDS, chunk

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_BETWEEN = 0.02  # seconds from word to word
_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
_MIDWAY = 2  # words


class Stream(Response):
    """A stream of server-sent events.

    What is cut returns without its end, upon which the server closes the connection; what stalls waits for its client
    to go.
    """

    def __init__(self, model: str, *, end: Literal["whole", "cut", "stall"]) -> None:
        super().__init__()
        self._model = model
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it."""
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        for word in WORDS if self._end == "whole" else WORDS[:_MIDWAY]:
            await _send_event(send, chunk(self._model, {"content": word}))
            await asyncio.sleep(_BETWEEN)
        if self._end == "stall":
            while (await receive())["type"] != "http.disconnect":
                pass
        if self._end == "whole":
            await _send_event(send, chunk(self._model, {}, finish_reason="stop"))
            await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})


async def _send_event(send: Send, event: dict[str, Any]) -> None:
    body = f"data: {json.dumps(event)}\n\n".encode()
    await send({"type": "http.response.body", "body": body, "more_body": True})
