"""Work that nobody waits for any more is not done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from aisuite.services.common.errors import ServiceError

_CLOSED_BY_CALLER = 499

T = TypeVar("T")


class CallerGone(ServiceError):
    """The caller has closed the connection: nobody reads this."""

    def __init__(self) -> None:
        super().__init__(_CLOSED_BY_CALLER, "the caller has gone", code="cancelled")


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Do the work, but cancel it when the caller hangs up; the request's body must have been read.

    Raises `CallerGone`, and what the work raises.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_wait_for_hang_up(request))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise CallerGone
        return working.result()
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _wait_for_hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
