"""One key opens a service; a few probes need none."""

from __future__ import annotations

import hmac
from collections.abc import Collection

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from aisuite.services.common.errors import ErrorForm, ServiceError, error_response

_BEARER = "bearer "


class KeyMiddleware:
    """Refuse requests that do not carry the key."""

    def __init__(
        self,
        app: ASGIApp,
        key: SecretStr,
        form: ErrorForm,
        open_paths: Collection[str],
        key_header: str | None = None,
    ) -> None:
        self._app = app
        self._key = key.get_secret_value().encode()
        self._form = form
        self._open_paths = frozenset(open_paths)
        self._key_header = key_header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope.get("path") in self._open_paths or self._admits(scope):
            await self._app(scope, receive, send)
            return
        refusal = ServiceError(
            401,
            "a valid key is needed: Authorization: Bearer <key>",
            code="invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )
        await error_response(refusal, self._form)(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        offered = [headers.get(self._key_header, "")] if self._key_header else []
        authorization = headers.get("authorization", "")
        if authorization[: len(_BEARER)].lower() == _BEARER:
            offered.append(authorization[len(_BEARER) :].strip())
        return any(hmac.compare_digest(key.encode("latin-1"), self._key) for key in offered)
