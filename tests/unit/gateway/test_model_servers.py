"""What LiteLLM loads to talk to model servers, on connections that are played."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib import util
from types import ModuleType
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from aisuite.resources import find_data_dir

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

URL = "http://inference-chat:8001/v1/chat/completions"
LONG = 10.0
REFUSED = 0


class Played(httpx.AsyncBaseTransport):
    """Connections to servers: a question for health is answered as the script says, all else by `work`."""

    def __init__(self, health: list[int | None], work: Callable[[Played], Awaitable[httpx.Response]]) -> None:
        self.health, self.work = health, work
        self.asked = asyncio.Event()  # for its health, as often as the script goes
        self.worked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/health":
            self.worked.append(request)
            return await self.work(self)
        said = self.health.pop(0) if len(self.health) > 1 else self.health[0]
        if len(self.health) == 1:
            self.asked.set()
        if said is None:
            raise httpx.ReadTimeout("nothing came")
        if said == REFUSED:
            raise httpx.ConnectError("refused")
        return httpx.Response(said, content=b"{}")


async def answers(_: Played) -> httpx.Response:
    return httpx.Response(200, content=b"well")


async def never(_: Played) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def answers_late(played: Played) -> httpx.Response:
    await played.asked.wait()
    return httpx.Response(200, content=b"well")


class Stalled(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"a piece"
        await asyncio.Event().wait()


async def stalls(_: Played) -> httpx.Response:
    return httpx.Response(200, stream=Stalled())


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the module as LiteLLM does, beside a LiteLLM that only holds what it is given."""
    names = (
        "litellm",
        "litellm.integrations",
        "litellm.integrations.custom_logger",
        "litellm.llms",
        "litellm.llms.custom_httpx",
        "litellm.llms.custom_httpx.http_handler",
    )
    modules = {name: ModuleType(name) for name in names}
    handler = type("AsyncHTTPHandler", (), {"create_aiohttp_transport": staticmethod(lambda: Played([200], answers))})
    vars(modules[names[2]])["CustomLogger"] = object
    vars(modules[names[5]])["AsyncHTTPHandler"] = handler
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("MODEL_CONNECT_TIMEOUT", "2")
    monkeypatch.setenv("MODEL_HEALTH_TIMEOUT", "5")
    spec = util.spec_from_file_location("model_servers", find_data_dir("templates") / "gateway" / "model_servers.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    monkeypatch.setattr(loaded, "_PAUSE", 0)
    return loaded


def door(servers: ModuleType, played: Played) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=servers.Door(played, connect=2.0, probe=5.0), timeout=LONG)


def test_litellm_is_given_the_door(servers: ModuleType) -> None:
    session = sys.modules["litellm"].aclient_session  # type: ignore[attr-defined]
    assert isinstance(session, httpx.AsyncClient)
    assert isinstance(servers.loaded, object)


def test_a_server_that_says_nothing_about_its_health_is_not_waited_for(servers: ModuleType) -> None:
    async def ask() -> None:
        async with door(servers, Played([200, None, None], never)) as client:
            with pytest.raises(httpx.ReadTimeout, match="hangs"):
                await client.post(URL)

    asyncio.run(asyncio.wait_for(ask(), LONG))


@pytest.mark.parametrize("health", [[200] * 5, [503] * 5, [None, 200, None, 200]])
def test_a_server_that_takes_long_is_waited_for_while_it_says_its_health(
    servers: ModuleType, health: list[int | None]
) -> None:
    async def ask() -> int:
        async with door(servers, Played(health, answers_late)) as client:
            return (await client.post(URL)).status_code

    assert asyncio.run(asyncio.wait_for(ask(), LONG)) == 200


def test_a_stream_of_a_server_that_hangs_ends_in_an_error(servers: ModuleType) -> None:
    async def ask() -> None:
        async with (
            door(servers, Played([None], stalls)) as client,
            client.stream("POST", URL) as response,
        ):
            pieces = response.aiter_bytes()
            assert await anext(pieces) == b"a piece"
            with pytest.raises(httpx.ReadTimeout, match="hangs"):
                await anext(pieces)

    asyncio.run(asyncio.wait_for(ask(), LONG))


def test_a_whole_stream_comes_through_as_it_is(servers: ModuleType) -> None:
    async def ask() -> bytes:
        async with door(servers, Played([200], answers)) as client:
            return (await client.post(URL)).content

    assert asyncio.run(asyncio.wait_for(ask(), LONG)) == b"well"


def test_nobody_waits_for_a_server_that_is_known_to_hang_until_it_answers_again(servers: ModuleType) -> None:
    played = Played([None, None, None, 200], never)

    async def ask() -> Any:
        async with door(servers, played) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post(URL)
            with pytest.raises(httpx.ConnectTimeout):
                await client.post(URL)
            refused = len(played.worked)
            played.work = answers
            await played.asked.wait()
            while True:
                try:
                    return refused, (await client.post(URL)).status_code
                except httpx.ConnectTimeout:
                    await asyncio.sleep(0)

    assert asyncio.run(asyncio.wait_for(ask(), LONG)) == (1, 200)


def test_requests_find_out_themselves_whether_a_server_that_refused_is_back(servers: ModuleType) -> None:
    played = Played([REFUSED], never)

    async def ask() -> int:
        async with door(servers, played) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post(URL)
            played.work = answers
            return (await client.post(URL)).status_code

    assert asyncio.run(asyncio.wait_for(ask(), LONG)) == 200


def test_the_silence_of_one_server_is_not_that_of_another(servers: ModuleType) -> None:
    async def ask() -> int:
        played = Played([None], never)
        async with door(servers, played) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post(URL)
            played.work = answers
            return (await client.post(URL.replace("chat:8001", "code:8001"))).status_code

    assert asyncio.run(asyncio.wait_for(ask(), LONG)) == 200


def test_who_turns_away_from_a_server_that_hangs_knows_at_once_that_the_next_one_hangs_too(servers: ModuleType) -> None:
    played = Played([200, 200, None], answers)
    other = URL.replace("chat:8001", "code:8001")

    async def ask() -> list[str]:
        async with door(servers, played) as client:
            await client.post(URL)
            await client.post(other)
            played.work = never
            with pytest.raises(httpx.ReadTimeout):
                await client.post(URL)
            with pytest.raises(httpx.ConnectTimeout):
                await client.post(other)
        return [request.url.host for request in played.worked]

    assert asyncio.run(asyncio.wait_for(ask(), LONG)) == ["inference-chat", "inference-code", "inference-chat"]


@pytest.mark.parametrize(("asked", "given"), [(60.0, 2.0), (1.0, 1.0)])
def test_a_connection_is_not_waited_for_as_long_as_an_answer(servers: ModuleType, asked: float, given: float) -> None:
    played = Played([200], answers)

    async def ask() -> None:
        async with door(servers, played) as client:
            await client.post(URL, timeout=asked)

    asyncio.run(ask())
    assert played.worked[0].extensions["timeout"] == {"connect": given, "read": asked, "write": asked, "pool": asked}


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ({"stream": True, "messages": []}, "close"),
        ({"messages": [{"content": "a"}], "stream": True}, "close"),
        ({"stream": False}, "keep-alive"),
        ({"messages": [{"content": 'say "stream": true, {"stream":true}'}]}, "keep-alive"),
    ],
)
def test_nobody_is_given_the_connection_that_a_stream_came_over(
    servers: ModuleType, body: dict[str, Any], kept: str
) -> None:
    played = Played([200], answers)

    async def ask() -> None:
        async with door(servers, played) as client:
            await client.post(URL, json=body)
            await client.post(URL, content=json.dumps(body, indent=1), headers={"Content-Type": "application/json"})

    asyncio.run(asyncio.wait_for(ask(), LONG))
    assert [request.headers["Connection"] for request in played.worked] == [kept, kept]


def test_what_is_sent_piece_by_piece_is_not_read_before_it_is_sent(servers: ModuleType) -> None:
    played = Played([200], answers)

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"stream": true}'

    async def ask() -> int:
        async with door(servers, played) as client:
            return (await client.post(URL, content=pieces())).status_code

    assert asyncio.run(asyncio.wait_for(ask(), LONG)) == 200


def test_a_server_whose_machine_is_gone_costs_requests_no_more_than_one_that_hangs(
    servers: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_AT_ONCE", -1)  # whatever time a refusal takes, it is a long one

    async def ask() -> None:
        async with door(servers, Played([REFUSED], never)) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post(URL)
            with pytest.raises(httpx.ConnectTimeout):
                await client.post(URL)

    asyncio.run(asyncio.wait_for(ask(), LONG))
