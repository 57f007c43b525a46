"""How failures of other services become our answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest
from pydantic import BaseModel

from aisuite.services.common import ServiceError
from aisuite.services.rag.upstream import Refused, Retry, TooSlow, Unavailable, Upstream

Handler = Callable[[httpx.Request], httpx.Response]
TWICE = Retry(attempts=2, min_wait=0, max_wait=0)


class Ok(BaseModel):
    ok: bool


class Scripted:
    """A transport that plays answers in order and counts what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def call(script: Handler, retry: Retry = TWICE) -> Ok:
    async def run() -> Ok:
        client = httpx.AsyncClient(base_url="http://store:1", transport=httpx.MockTransport(script))
        async with client:
            upstream = Upstream("qdrant", client)
            answer = await upstream.call("GET", "/x", retry=retry)
            return upstream.understand(Ok, answer.content)

    return asyncio.run(run())


def failure(*answers: httpx.Response | Exception) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        call(Scripted(*answers), Retry(attempts=1, min_wait=0, max_wait=0))
    return caught.value


def test_a_lost_connection_is_tried_again() -> None:
    script = Scripted(httpx.ConnectError("refused"), httpx.Response(200, json={"ok": True}))
    assert call(script).ok
    assert script.asked == 2


def test_retries_end() -> None:
    script = Scripted(*[httpx.Response(503)] * 5)
    with pytest.raises(Unavailable):
        call(script, Retry(attempts=3, min_wait=0, max_wait=0))
    assert script.asked == 3


@pytest.mark.parametrize("answer", [httpx.ReadTimeout("slow"), httpx.Response(400), httpx.Response(504)])
def test_timeouts_and_refusals_are_not_tried_again(answer: httpx.Response | Exception) -> None:
    script = Scripted(answer)
    with pytest.raises((TooSlow, Refused)):
        call(script)
    assert script.asked == 1


@pytest.mark.parametrize(
    ("answer", "status", "part"),
    [
        (httpx.ConnectError("x"), 503, "no connection to http://store:1"),
        (httpx.RemoteProtocolError("x"), 503, "the connection broke"),
        (httpx.Response(500, json={"error": {"message": "boom"}}), 503, "it answered 500: boom"),
        (httpx.Response(429, json={"error": {"message": "cooling down"}}), 503, "cooling down"),
        (httpx.Response(200, text="<html>"), 503, "its answer was not understood"),
        (httpx.ReadTimeout("x"), 504, "did not answer in time"),
        (httpx.Response(408), 504, "ran out of time"),
        (httpx.Response(400, json={"status": {"error": "bad vector"}}), 502, "(400): bad vector"),
        (httpx.Response(401, json={"error": {"message": "secret"}}), 502, "the key was not accepted"),
        (httpx.Response(404, content=b"\xff"), 502, "Not Found"),
    ],
)
def test_each_failure_has_its_status_and_names_the_dependency(
    answer: httpx.Response | Exception, status: int, part: str
) -> None:
    error = failure(answer)
    assert error.status == status
    assert part in error.message
    assert "qdrant" in error.message
    assert ("Retry-After" in error.headers) == (status in (503, 504))
