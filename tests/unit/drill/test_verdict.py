"""Verdicts: bounds against figures."""

from __future__ import annotations

from aisuite.drill.catalogue import CATALOGUE
from aisuite.drill.model import Outcome
from aisuite.drill.verdict import in_words, judge, not_available

KILL = CATALOGUE["kill"]
FINE = {
    "plain_success": 1.0,
    "p99_added": 0.1,
    "first_good": 0.2,
    "healthy_again": 4.0,
    "back_on_first": 3.0,
    "streams_marked": 1.0,
    "others_restarted": 0.0,
}


def test_a_fault_that_keeps_all_bounds_passes() -> None:
    trial = judge(KILL, FINE, {})
    assert trial.outcome is Outcome.PASS
    assert {one.name for one in trial.judged} == set(FINE)


def test_one_broken_bound_fails_and_is_named_with_what_was_wanted() -> None:
    trial = judge(KILL, {**FINE, "plain_success": 0.995, "p99_added": 0.7}, {})
    assert trial.outcome is Outcome.FAIL
    assert trial.why == "plain_success is 0.995, wanted >= 1; p99_added is 0.7, wanted <= 0.5"


def test_what_never_happened_is_no_pass() -> None:
    trial = judge(KILL, {**FINE, "back_on_first": None}, {})
    assert trial.outcome is Outcome.FAIL
    assert trial.why == "back_on_first never happened, wanted <= 5"


def test_what_the_stack_itself_needs_is_added_to_the_bound() -> None:
    slow = {**FINE, "healthy_again": 25.0}
    assert judge(KILL, slow, {}).outcome is Outcome.FAIL
    trial = judge(KILL, slow, {"healthy_again": 20.0})
    assert trial.outcome is Outcome.PASS
    assert {one.name: one.bound for one in trial.judged}["healthy_again"] == 30.0


def test_a_steady_state_that_does_not_come_back_is_no_pass() -> None:
    trial = judge(KILL, FINE, {}, unsteady="rag is unhealthy")
    assert trial.outcome is Outcome.DEGRADED
    assert trial.why == "rag is unhealthy"


def test_what_cannot_be_made_here_is_neither_passed_nor_failed() -> None:
    trial = not_available(KILL, "this engine knows no pause")
    assert trial.outcome is Outcome.NOT_AVAILABLE
    assert trial.judged == ()


def test_a_bound_on_a_share_is_a_lower_one() -> None:
    (success, *_) = judge(KILL, FINE, {}).judged
    assert in_words(success) == "plain_success is 1, wanted >= 1"
