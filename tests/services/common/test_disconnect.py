"""Work ends when nobody waits for it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request

from aisuite.services.common.disconnect import CallerGone, while_connected

SCOPE = {"type": "http", "method": "POST", "path": "/", "headers": []}


def caller(hangs_up: Callable[[], Any]) -> Request:
    """Return a request whose caller hangs up when `hangs_up` comes to its end."""

    async def receive() -> dict[str, Any]:
        await hangs_up()
        return {"type": "http.disconnect"}

    return Request(SCOPE, receive)


async def never() -> None:
    await asyncio.Event().wait()


def test_work_that_is_waited_for_is_done() -> None:
    async def work() -> str:
        return "vectors"

    assert asyncio.run(while_connected(caller(never), work())) == "vectors"


def test_work_is_cancelled_when_its_caller_hangs_up() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await never()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def soon() -> None:
        await asyncio.sleep(0)

    with pytest.raises(CallerGone) as gone:
        asyncio.run(while_connected(caller(soon), work()))
    assert gone.value.status == 499
    assert ended == ["cancelled"]


def test_what_the_work_raises_is_told() -> None:
    async def work() -> None:
        raise KeyError("model")

    with pytest.raises(KeyError, match="model"):
        asyncio.run(while_connected(caller(never), work()))
