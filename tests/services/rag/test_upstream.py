"""How failures of other services become our answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest
from pydantic import BaseModel
from tenacity import RetryCallState

from aisuite.services.common import ServiceError
from aisuite.services.rag.circuit import Circuit
from aisuite.services.rag.upstream import PROBE, Refused, Retry, TooSlow, Unavailable, Upstream

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


def test_who_waits_is_not_made_to_wait_for_a_connection_twice_and_who_is_patient_is() -> None:
    script = Scripted(httpx.ConnectTimeout("gone"), httpx.Response(200, json={"ok": True}))
    with pytest.raises(Unavailable):
        call(script)
    assert script.asked == 1
    assert call(script, Retry(attempts=2, min_wait=0, max_wait=0, patient=True)).ok


def test_who_is_patient_tries_again_after_a_slow_answer() -> None:
    script = Scripted(httpx.ReadTimeout("slow"), httpx.Response(200, json={"ok": True}))
    assert call(script, Retry(attempts=2, min_wait=0, max_wait=0, patient=True)).ok


def test_a_wait_is_as_long_as_the_dependency_asks_for_and_never_longer_than_allowed() -> None:
    waits = []
    for asked, longest in [("3", 10.0), ("300", 10.0), ("soon", 10.0)]:
        retry = Retry(attempts=2, min_wait=1, max_wait=longest)
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
        state.set_exception((Unavailable, failure(httpx.Response(429, headers={"Retry-After": asked})), None))  # type: ignore[arg-type]
        waits.append(retry.seconds_before_next(state))
    assert 3 <= waits[0] <= 4.5
    assert waits[1] == 10
    assert 1 <= waits[2] <= 1.5


def test_a_dependency_that_keeps_failing_is_left_alone_until_one_caller_finds_it_back() -> None:
    now = 0.0
    circuit = Circuit(clock=lambda: now)
    for _ in range(5):
        assert circuit.seconds_to_wait() == 0
        circuit.failed("down")
    assert circuit.seconds_to_wait() == 2
    now = 2.5
    assert (circuit.seconds_to_wait(), circuit.seconds_to_wait()) == (0, 2)
    circuit.worked()
    assert circuit.seconds_to_wait() == 0


def test_a_dependency_left_alone_is_not_asked_and_says_why() -> None:
    script = Scripted(*[httpx.Response(500, json={"error": "boom"})] * 9)

    async def run() -> ServiceError:
        seen: list[tuple[str, bool, bool]] = []
        async with httpx.AsyncClient(base_url="http://store:1", transport=httpx.MockTransport(script)) as client:
            upstream = Upstream("qdrant", client, lambda *noted: seen.append(noted))
            once = Retry(attempts=1, min_wait=0, max_wait=0)
            for _ in range(6):
                with pytest.raises(Unavailable) as caught:
                    await upstream.call("GET", "/x", retry=once)
            with pytest.raises(Unavailable):
                await upstream.call("GET", "/x", retry=PROBE)
        assert seen[0] == ("qdrant", False, False)
        assert seen[-1] == ("qdrant", False, True)
        return caught.value

    error = asyncio.run(run())
    assert script.asked == 6
    assert error.message == "qdrant is unavailable: it keeps failing: it answered 500: boom"
    assert error.headers["Retry-After"] == "2"


@pytest.mark.parametrize(
    ("answer", "status", "part"),
    [
        (httpx.ConnectError("x"), 503, "no connection to http://store:1"),
        (httpx.ConnectTimeout("x"), 503, "no connection to http://store:1 in time"),
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
