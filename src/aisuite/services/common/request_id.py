"""One id per request: taken from the caller or made, kept for logs and upstream calls, returned."""

from __future__ import annotations

import re
from contextvars import ContextVar
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,128}")

request_id: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """Name the request being answered, or "" outside of one."""
    return request_id.get()


def outgoing_headers() -> dict[str, str]:
    """Give the headers that carry the request id to an upstream service."""
    current = request_id.get()
    return {HEADER: current} if current else {}


class RequestIdMiddleware:
    """Set the request id for everything that runs inside."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        offered = Headers(scope=scope).get(HEADER, "")
        chosen = offered if _ACCEPTABLE.fullmatch(offered) else uuid4().hex

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = chosen
            await send(message)

        token = request_id.set(chosen)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            request_id.reset(token)
