"""How services ask each other: what goes wrong keeps its name."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress

import aiohttp
import httpx
import pytest

from aisuite.services.common.transport import ServiceTransport
from tests.free_ports import free_port

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\nok"


def ask(serve: Serve, use: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """Run a server, and a client of it."""

    ended: list[asyncio.Event] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(end := asyncio.Event())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        end.set()

    async def play() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, httpx.AsyncClient(base_url=url, transport=ServiceTransport(), timeout=0.3) as client:
            await use(client)
        for end in ended:
            await end.wait()

    asyncio.run(play())


async def read_request(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def test_requests_share_a_connection_and_no_cookies() -> None:
    heard: list[bytes] = []
    connections: list[object] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while True:
            heard.append(await read_request(reader))
            writer.write(OK)

    async def use(client: httpx.AsyncClient) -> None:
        for _ in range(3):
            assert (await client.get("/a%20b?c=d%2Fe")).text == "ok"

    ask(serve, use)
    assert len(connections) == 1
    assert {one.split(b"\r\n")[0] for one in heard} == {b"GET /a%20b?c=d%2Fe HTTP/1.1"}
    assert not any(b"Cookie" in one for one in heard)


def test_a_port_where_nothing_listens_is_a_refused_connection() -> None:
    async def play() -> None:
        async with httpx.AsyncClient(transport=ServiceTransport()) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://127.0.0.1:{free_port()}/")

    asyncio.run(play())


def test_a_service_that_does_not_even_refuse_is_given_up_long_before_one_that_works_on_an_answer() -> None:
    async def play(deaf: socket.socket) -> None:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        async with httpx.AsyncClient(transport=ServiceTransport(connect_seconds=0.2), timeout=60) as client:
            with pytest.raises(httpx.ConnectTimeout):
                await client.get(url)

    with ExitStack() as stack:
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # what waits in its queue; nobody takes it out, and then there is no answer at all
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        asyncio.run(play(deaf))


def test_the_search_for_an_address_that_does_not_end_is_no_connection_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> list[object]:
        await asyncio.Event().wait()
        return []

    async def play() -> None:
        async with httpx.AsyncClient(transport=ServiceTransport(connect_seconds=0.2), timeout=60) as client:
            with pytest.raises(httpx.ConnectTimeout):
                await client.get("http://store/")

    monkeypatch.setattr(aiohttp.DefaultResolver, "resolve", never)
    asyncio.run(play())


def test_a_connection_that_is_closed_without_an_answer_is_broken_not_slow() -> None:
    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_request(reader)

    async def use(client: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/")

    ask(serve, use)


def test_an_answer_that_ends_in_the_middle_is_broken_not_short() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK.replace(b"Length: 2", b"Length: 20"))

    async def use(client: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.ReadError):
            await client.get("/")

    ask(serve, use)


def test_silence_is_a_timeout() -> None:
    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_request(reader)
        assert await reader.read() == b"", "the client has given up"

    async def use(client: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/")

    ask(serve, use)


def test_an_answer_is_read_while_it_arrives_and_given_up_by_closing_the_connection() -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        assert await reader.read() == b""
        gone.set()

    async def use(client: httpx.AsyncClient) -> None:
        async with client.stream("GET", "/") as answer:
            assert await anext(answer.aiter_bytes()) == b"one"
        async with asyncio.timeout(5):
            await gone.wait()

    ask(serve, use)
