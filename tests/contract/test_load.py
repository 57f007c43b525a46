"""What every load tells of its requests, made up or over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from aisuite.adapters.load import HttpLoad
from aisuite.drill.model import Request
from aisuite.ports.load import Load, LoadPlan
from tests.contract.http_server import Reply, serve
from tests.contract.waiting import eventually
from tests.fakes.load import FakeLoad
from tests.unit.drill.requests import good

ANSWER = Reply(body=b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}')
PLAN = LoadPlan(zero=0.0, gateway_url="", gateway_key="sk-key", route="chat-7b", plain=2, streams=0, pause=0.01)


def made_up(plan: LoadPlan) -> tuple[Request, ...]:
    return tuple(good(0.1 * number, 1.0 if number == 0 else 0.1) for number in range(4))


@pytest.fixture(params=["fake", "http"])
def load(request: pytest.FixtureRequest) -> Iterator[tuple[Load, LoadPlan]]:
    """Return a load, and a plan whose requests are answered."""
    with ExitStack() as stack:
        if request.param == "fake":
            yield FakeLoad(made_up), PLAN
        else:
            server = stack.enter_context(serve([ANSWER]))
            yield HttpLoad(), replace(PLAN, zero=time.monotonic(), gateway_url=server.url)


def test_what_has_ended_is_seen_by_its_end(load: tuple[Load, LoadPlan]) -> None:
    run = load[0].begin(load[1])
    seen = eventually(lambda: len(run.seen()) >= 4 and run.seen())
    run.stop()
    assert seen
    assert [one.end for one in seen] == sorted(one.end for one in seen)
    assert all(one.good for one in seen)


def test_a_stopped_load_returns_all_by_their_start_as_often_as_it_is_asked(load: tuple[Load, LoadPlan]) -> None:
    run = load[0].begin(load[1])
    seen = eventually(lambda: len(run.seen()) >= 4 and run.seen())
    requests = run.stop()
    assert set(seen or ()) <= set(requests)
    assert [one.start for one in requests] == sorted(one.start for one in requests)
    assert run.stop(grace=0.0) == requests
