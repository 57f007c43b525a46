"""What is written down about each request: an access line and its metrics."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aisuite.services.common.errors import ErrorForm, error_response, internal_error
from aisuite.services.common.metrics import Metrics

# Asked every few seconds by whoever watches the service: worth a line only when debugging.
PROBES = frozenset({"/livez", "/health", "/healthz", "/readyz", "/metrics"})

_access = logging.getLogger("aisuite.services.access")
_failures = logging.getLogger("aisuite.services.failure")


class _Start:
    """Remember the status with which an answer began, if it began."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


class ObserveMiddleware:
    """Log and measure each request from its arrival to the last byte of its answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = _Start(send)
        begun = time.perf_counter()
        try:
            await self._app(scope, receive, start)
        finally:
            self._write_down(scope, start.status or 499, time.perf_counter() - begun)

    def _write_down(self, scope: Scope, status: int, seconds: float) -> None:
        method, path = scope["method"], scope["path"]
        self._metrics.observe_request(method, _route_template(scope), status, seconds)
        fields = {"method": method, "path": path, "status": status, "ms": round(seconds * 1000, 2)}
        level = logging.DEBUG if path in PROBES and status < 400 else logging.INFO
        _access.log(level, "%s %s %d", method, path, status, extra=fields)


class FailureMiddleware:
    """Answer an unexpected exception with 500, and log it once with its traceback."""

    def __init__(self, app: ASGIApp, form: ErrorForm) -> None:
        self._app = app
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = _Start(send)
        try:
            await self._app(scope, receive, start)
        except Exception:
            if start.status is not None:
                raise  # too late for a status: the server cuts the connection
            _failures.exception("request failed")
            await error_response(internal_error(), self._form)(scope, receive, send)


def _route_template(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "unmatched"
