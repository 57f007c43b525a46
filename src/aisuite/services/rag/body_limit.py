"""Requests that are too large are refused before they fill the memory."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aisuite.services.common import ServiceError
from aisuite.services.common.errors import error_response, openai_form

_TOO_LARGE = 413


class BodyLimitMiddleware:
    """Answer 413 to a body that says it is too large, and break one off that proves to be."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "0")
        if said.isdecimal() and int(said) > self._max_bytes:
            await error_response(self._refusal(), openai_form)(scope, receive, send)
            return
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise HTTPException(_TOO_LARGE, self._refusal().message)  # the one error that FastAPI lets through here
            return message

        await self._app(scope, receive_some, send)

    def _refusal(self) -> ServiceError:
        message = f"the request is larger than RAG_MAX_REQUEST_BYTES={self._max_bytes}; send fewer documents at a time"
        return ServiceError(_TOO_LARGE, message, code="request_too_large")
