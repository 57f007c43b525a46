"""How services ask each other: httpx's interface over aiohttp's connections.

httpx's own pool takes some 3 ms of CPU for a request when twenty are under way, aiohttp's less than 1.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from math import inf

import aiohttp
import httpx
from yarl import URL

# uvicorn closes a connection that was idle for 5 s; one that is reused just then would break.
_KEEPALIVE_SECONDS = 2.0
# Whether a service is there: its address is known and it takes a connection in milliseconds, however busy it is. One
# whose container is gone may not even refuse. One packet may be lost on the way: it is sent again after a second.
_CONNECT_SECONDS = 1.5
# One that comes back under another address is found after this time.
_ADDRESS_SECONDS = 2

_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (  # the first that fits
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (TimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.ClientError, httpx.ReadError),
    (OSError, httpx.ReadError),
)


class ServiceTransport(httpx.AsyncBaseTransport):
    """Keeps connections to one service; follows nothing, keeps no cookies, and checks certificates where there are."""

    def __init__(self, connect_seconds: float = _CONNECT_SECONDS) -> None:
        """Wait for a connection for this long at most, the search for its address included."""
        self._connect_seconds = connect_seconds
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises httpx.TransportError."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0, keepalive_timeout=_KEEPALIVE_SECONDS, ttl_dns_cache=_ADDRESS_SECONDS
            )
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        patience = request.extensions.get("timeout", {})
        with _translated(request):
            response = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers,
                data=await request.aread() or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=min(patience.get("connect") or inf, self._connect_seconds), sock_read=patience.get("read")
                ),
            )
        return httpx.Response(
            response.status, headers=response.raw_headers, stream=_Body(response, request), request=request
        )

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated(self._request):
            async for chunk in self._response.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        self._response.close()  # of one that was read to its end, the connection is kept


@contextmanager
def _translated(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, OSError) as err:
        meant = next(ours for theirs, ours in _ERRORS if isinstance(err, theirs))
        raise meant(str(err) or type(err).__name__, request=request) from err
