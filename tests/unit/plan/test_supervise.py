"""When a supervisor acts, and when it waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.plan.observed import Observed, ObservedService, State
from aisuite.plan.supervise import Condition, Patience, Supervision
from aisuite.stack.model import Dependency
from tests.fakes.clock import FakeClock
from tests.fakes.stacks import make_service

CHAT = make_service("inference-chat", 8001)  # its deadline is 5 s
GATEWAY = make_service("api-gateway", 8000, Dependency("inference-chat", required=False))
RAG = make_service("rag", 8002, Dependency("api-gateway"))
READY = ObservedService("inference-chat", State.RUNNING, pid=1, ready=True)
UNREADY = ObservedService("inference-chat", State.RUNNING, pid=1, ready=False)


def _seen(*services: ObservedService) -> Observed:
    return Observed(engine_up=True, services=services)


@pytest.mark.parametrize("state", [State.EXITED, State.FAILED, State.ORPHANED])
def test_what_its_engine_does_not_bring_back_is_due_at_once(state: State) -> None:
    verdict = Supervision(Patience()).judge(CHAT, _seen(ObservedService(CHAT.name, state)), 0)
    assert (verdict.condition, verdict.due) == (Condition.DOWN, True)
    assert verdict.cause


def test_what_is_gone_is_due_at_once() -> None:
    verdict = Supervision(Patience()).judge(CHAT, _seen(), 0)
    assert (verdict.condition, verdict.due) == (Condition.DOWN, True)


def test_what_its_engine_is_restarting_is_left_to_it() -> None:
    supervision = Supervision(Patience(hung_after=5))
    for now in range(100):
        verdict = supervision.judge(CHAT, _seen(ObservedService(CHAT.name, State.RESTARTING)), now)
        assert (verdict.condition, verdict.due) == (Condition.RESTARTING, False)


def test_the_wait_doubles_with_each_start_that_did_not_last_up_to_its_limit() -> None:
    clock, supervision = FakeClock(), Supervision(Patience(first_wait=1, longest_wait=10))
    waits = []
    for _ in range(6):
        assert supervision.judge(CHAT, _seen(), clock.monotonic()).due
        _, wait = supervision.started(CHAT.name, clock.monotonic())
        clock.sleep(wait - 0.1)
        assert not supervision.judge(CHAT, _seen(), clock.monotonic()).due
        clock.sleep(0.1)
        waits.append(wait)
    assert waits == [1, 2, 4, 8, 10, 10]


def test_a_service_that_stays_ready_is_trusted_again() -> None:
    clock, supervision = FakeClock(), Supervision(Patience(first_wait=1, calm=60))
    for _ in range(4):
        supervision.started(CHAT.name, clock.monotonic())
    for seconds, starts in ((59, 5), (60, 1)):
        supervision.judge(CHAT, _seen(READY), clock.monotonic())
        clock.sleep(seconds)
        supervision.judge(CHAT, _seen(READY), clock.monotonic())
        assert supervision.started(CHAT.name, clock.monotonic())[0] == starts


@given(st.integers(min_value=1, max_value=10**6))
def test_no_wait_is_longer_than_its_limit_or_shorter_than_the_first(starts: int) -> None:
    patience = Patience()
    assert patience.first_wait <= patience.wait_after(starts) <= patience.longest_wait


def test_one_that_was_ready_and_is_not_any_more_hangs_after_its_time() -> None:
    supervision = Supervision(Patience(hung_after=3))
    supervision.judge(CHAT, _seen(READY), 0)
    assert supervision.judge(CHAT, _seen(UNREADY), 1).condition is Condition.UNREADY
    assert supervision.judge(CHAT, _seen(UNREADY), 3.9).condition is Condition.UNREADY
    verdict = supervision.judge(CHAT, _seen(UNREADY), 4)
    assert (verdict.condition, verdict.due) == (Condition.HUNG, True)
    assert verdict.cause == "it runs, but is not ready for 3 s"


def test_one_that_starts_has_the_time_of_its_profile() -> None:
    supervision = Supervision(Patience(hung_after=3))
    supervision.judge(CHAT, _seen(UNREADY), 0)
    assert supervision.judge(CHAT, _seen(UNREADY), 4.9).condition is Condition.UNREADY
    assert supervision.judge(CHAT, _seen(UNREADY), 5).condition is Condition.HUNG


def test_a_new_process_has_its_own_time() -> None:
    supervision = Supervision(Patience(hung_after=3))
    supervision.judge(CHAT, _seen(UNREADY), 0)
    other = ObservedService(CHAT.name, State.RUNNING, pid=2, ready=False)
    assert supervision.judge(CHAT, _seen(other), 7).condition is Condition.UNREADY


def test_a_short_pause_of_readiness_is_forgotten() -> None:
    supervision = Supervision(Patience(hung_after=3))
    for now in range(20):
        seen = UNREADY if now % 3 else READY
        assert not supervision.judge(CHAT, _seen(seen), now).due


def test_a_service_is_not_blamed_for_what_it_depends_on() -> None:
    supervision = Supervision(Patience(hung_after=3))
    gateway = ObservedService("api-gateway", State.RUNNING, pid=2, ready=False)
    rag = ObservedService("rag", State.RUNNING, pid=3, ready=False)
    for now in (0, 100):
        assert not supervision.judge(RAG, _seen(UNREADY, gateway, rag), now).due
        assert not supervision.judge(GATEWAY, _seen(UNREADY, gateway, rag), now).due
    assert supervision.judge(GATEWAY, _seen(READY, gateway, rag), 101).due


def test_judging_twice_at_one_time_gives_the_same() -> None:
    supervision = Supervision(Patience(hung_after=3))
    for now in (0, 2, 5, 9):
        assert supervision.judge(CHAT, _seen(UNREADY), now) == supervision.judge(CHAT, _seen(UNREADY), now)
