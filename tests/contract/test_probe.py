"""What every probe answers, without a network and over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from aisuite.adapters.probe import HttpProbe
from aisuite.ports import Probe
from tests.contract.http_server import Reply, serve
from tests.fakes.engine import FakeEngine, Program
from tests.fakes.probe import FakeProbe
from tests.fakes.stacks import make_service, make_stack

NewProbe = Callable[[Program | None], tuple[Probe, str]]


@pytest.fixture(params=["fake", "http"])
def new_probe(request: pytest.FixtureRequest) -> Iterator[NewProbe]:
    """Return a probe and the URL of a service that behaves so; None: of one that does not run."""
    with ExitStack() as stack:

        def fake(program: Program | None) -> tuple[Probe, str]:
            service = make_service("chat", 9000)
            engine = FakeEngine({"chat": program or Program()})
            engine.open(make_stack(service))
            if program is not None:
                engine.start(service, {})
            return FakeProbe(engine), service.ready_url

        def http(program: Program | None) -> tuple[Probe, str]:
            if program is None:
                return HttpProbe(), "http://127.0.0.1:1/health"
            unready = [Reply(503, b"loading")] * (program.ready_after + 99 * program.never_ready)
            return HttpProbe(), stack.enter_context(serve([*unready, Reply(200, b"ok")])).url + "/health"

        yield fake if request.param == "fake" else http


def test_a_service_that_answers_200_is_ready(new_probe: NewProbe) -> None:
    probe, url = new_probe(Program())
    answer = probe.ask(url)
    assert (answer.ready, answer.status, answer.reason) == (True, 200, "ready")
    assert answer.seconds >= 0


def test_a_service_that_does_not_run_is_not_ready(new_probe: NewProbe) -> None:
    probe, url = new_probe(None)
    answer = probe.ask(url)
    assert (answer.ready, answer.status, answer.reason) == (False, None, "nothing listens there")


def test_a_service_that_still_loads_is_not_ready_and_says_why(new_probe: NewProbe) -> None:
    probe, url = new_probe(Program(never_ready=True))
    answer = probe.ask(url)
    assert (answer.ready, answer.status, answer.reason) == (False, 503, "HTTP 503: loading")
    assert answer.told is None


def test_a_service_becomes_ready(new_probe: NewProbe) -> None:
    probe, url = new_probe(Program(ready_after=2))
    assert [probe.ask(url).ready for _ in range(4)] == [False, False, True, True]
