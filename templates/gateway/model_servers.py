"""How the gateway talks to model servers. LiteLLM loads this file beside its configuration.

A server that hangs takes a request and never answers it. A large model may rightly need minutes for an answer, so no
time-out of requests can tell the two apart. Its health can: a server says it at once, however much it computes.
"""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import litellm
from litellm.integrations.custom_logger import CustomLogger
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_PAUSE = 1.5  # seconds between two questions for a server's health, while somebody waits for it
_STRIKES = 2  # questions without an answer, until nobody waits any longer
_AT_ONCE = 0.5  # seconds in which a server refuses that is there; one whose machine is gone takes longer
# In the JSON of a request; no text in it can look like that, since its quotes are escaped.
_WANTS_STREAM = re.compile(rb'"stream"\s*:\s*true')


class Server:
    """One model server: whether it answers at all.

    It is asked while it is `watched`, and, once it is silent, until it answers again.
    """

    def __init__(self, ask: Callable[[], Awaitable[None]], watched: Callable[[], bool]) -> None:
        self._ask, self._watched = ask, watched
        self._waiting: set[asyncio.Timeout] = set()
        self._watch: asyncio.Task[None] | None = None
        self.silent = False

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for it."""
        return bool(self._waiting)

    def watch(self) -> None:
        """Begin to ask, unless that goes on already."""
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._keep_asking())

    @asynccontextmanager
    async def patience(self, request: httpx.Request) -> AsyncIterator[None]:
        """Wait for the server inside; raises httpx.ReadTimeout when it does not say its health meanwhile."""
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._waiting.add(limit)
                self.watch()
                try:
                    yield
                finally:
                    self._waiting.discard(limit)
        except TimeoutError as err:
            raise httpx.ReadTimeout("the server hangs: it does not say its health either", request=request) from err

    async def _keep_asking(self) -> None:
        strikes, pause = 0, _PAUSE
        while self.silent or self._watched():
            await asyncio.sleep(pause)
            met, began = set(self._waiting), _now()
            try:
                await self._ask()
            except httpx.TransportError as err:
                strikes += 1
                unanswered = isinstance(err, httpx.TimeoutException) or _now() - began > _AT_ONCE
                # A server that refuses a question refuses requests as fast: they need no protection.
                self.silent = strikes >= _STRIKES and unanswered
                pause = 0.0 if unanswered else _PAUSE
            else:
                strikes, self.silent, pause = 0, False, _PAUSE
            if strikes >= _STRIKES:
                self._give_up(met)

    def _give_up(self, met: set[asyncio.Timeout]) -> None:
        """End the waits that the unanswered question met: later ones may be for a server that is back."""
        for limit in met & self._waiting:
            self._waiting.discard(limit)
            limit.reschedule(_now())


class Door(httpx.AsyncBaseTransport):
    """The one way to all model servers, through LiteLLM's own connections. Times in seconds."""

    def __init__(self, inner: httpx.AsyncBaseTransport, connect: float, probe: float) -> None:
        self._inner, self._connect, self._probe = inner, connect, probe
        self._servers: dict[httpx.URL, Server] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises httpx.ConnectTimeout at once for a server that is known to be silent."""
        server = self._server(request.url.copy_with(raw_path=b"/health"))
        if server.silent:
            raise httpx.ConnectTimeout("the server hangs", request=request)
        # All of them: whoever turns away from a server that hangs shall know at once whether the next one does, too.
        for one in self._servers.values():
            one.watch()
        limits = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {**limits, "connect": _least(limits.get("connect"), self._connect)}
        if _wants_stream(request):
            # llama-server closes the connection after a streamed answer, whatever it says of keeping it. The next
            # request on it would fail, and open the circuit of a server that is well.
            request.headers["Connection"] = "close"
        async with server.patience(request):
            response = await self._inner.handle_async_request(request)
        response.stream = _Body(response.stream, server, request)
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()

    def _server(self, health: httpx.URL) -> Server:
        if health not in self._servers:
            self._servers[health] = Server(lambda: self._ask(health), self._awaited)
        return self._servers[health]

    def _awaited(self) -> bool:
        return any(server.awaited for server in self._servers.values())

    async def _ask(self, health: httpx.URL) -> None:
        """Ask for a server's health. Any answer will do: one that is still loading its model does not hang."""
        question = httpx.Request("GET", health, extensions={"timeout": dict.fromkeys(_LIMITS, self._probe)})
        try:
            async with asyncio.timeout(self._probe):
                response = await self._inner.handle_async_request(question)
                await response.aread()
        except TimeoutError as err:
            raise httpx.ReadTimeout("no answer", request=question) from err


_LIMITS = ("connect", "read", "write", "pool")


class _Body(httpx.AsyncByteStream):
    """An answer, piece by piece; the next piece is waited for as the first one was."""

    def __init__(self, pieces: httpx.AsyncByteStream, server: Server, request: httpx.Request) -> None:
        self._pieces, self._server, self._request = pieces, server, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._pieces)
        while True:
            async with self._server.patience(self._request):
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield piece

    async def aclose(self) -> None:
        await self._pieces.aclose()


def _wants_stream(request: httpx.Request) -> bool:
    return isinstance(request.stream, httpx.ByteStream) and _WANTS_STREAM.search(request.content) is not None


def _now() -> float:
    return asyncio.get_running_loop().time()


def _least(one: float | None, other: float) -> float:
    return other if one is None else min(one, other)


# LiteLLM sends all that goes to servers of OpenAI's kind through this client when there is one.
litellm.aclient_session = httpx.AsyncClient(
    transport=Door(
        AsyncHTTPHandler.create_aiohttp_transport(),
        connect=float(os.environ["MODEL_CONNECT_TIMEOUT"]),
        probe=float(os.environ["MODEL_HEALTH_TIMEOUT"]),
    ),
    follow_redirects=True,
)
loaded = CustomLogger()  # LiteLLM wants an object of its own kind; this one does nothing
