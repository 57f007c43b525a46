"""What is called healthy, and what is not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.ops.health_judge import (
    Finding,
    Outcome,
    Sighting,
    TokenAnswer,
    Verdict,
    dependencies_in,
    has_token,
    judge_card,
    judge_gateway,
    judge_service,
    judge_snapshots,
    judge_token,
    percentile,
    servers_in,
    verdict_of,
)
from aisuite.ops.log_errors import LogErrors
from aisuite.plan.observed import State
from aisuite.ports import GpuDevice
from aisuite.units import Mib

WELL = Sighting("rag", "rag", "http://127.0.0.1:8002", State.RUNNING, alive=True, ready=True, reason="ready")
GATEWAY = replace(WELL, name="api-gateway", role="gateway")
CHAT = replace(WELL, name="inference-chat", role="inference")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=5), one, max_size=3),
    max_leaves=10,
)


def _worst(findings: list[Finding]) -> Outcome:
    outcomes = [one.outcome for one in findings]
    return next(one for one in (Outcome.FAIL, Outcome.NOTE, Outcome.PASS) if one in outcomes)


def test_a_service_that_is_ready_and_never_failed_is_simply_well() -> None:
    assert [one.outcome for one in judge_service(WELL)] == [Outcome.PASS]


@pytest.mark.parametrize(
    ("seen", "words", "fix"),
    [
        (Sighting("rag", "rag", "", None), "not there", "aisuite watch --once"),
        (Sighting("rag", "rag", "", State.FAILED), "does not run (failed)",
         "aisuite logs rag; then: aisuite restart rag"),
        (Sighting("rag", "rag", "", State.RESTARTING), "about to start it again", "aisuite logs rag"),
        (replace(WELL, state=State.ORPHANED), "nobody watches it", "aisuite watch --once"),
        (replace(WELL, state=State.PAUSED, ready=False, alive=False), "paused", "aisuite restart rag"),
        (replace(WELL, ready=False, alive=False, reason="no answer within 5 s"), "no answer within 5 s",
         "aisuite restart rag"),
        (replace(WELL, ready=False, reason="HTTP 503: {}", dependencies={"qdrant": "gone", "llm": "ok"}),
         "not ready: qdrant: gone", "aisuite logs rag"),
        (replace(WELL, ready=False, reason="HTTP 503: loading"), "not ready: HTTP 503: loading", "aisuite logs rag"),
    ],
)  # fmt: skip
def test_a_service_that_cannot_work_fails_and_says_why_and_what_helps(seen: Sighting, words: str, fix: str) -> None:
    failed = [one for one in judge_service(seen) if one.outcome is Outcome.FAIL]
    assert [one.fix for one in failed] == [fix]
    assert words in failed[0].words


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (replace(WELL, restarts=1), "once"),
        (replace(WELL, restarts=4), "4 times"),
        (replace(WELL, errors=LogErrors(1, "it broke")), "1 error in its log since its start, the last: it broke"),
        (replace(WELL, errors=LogErrors(3, "it broke")), "3 errors"),
        (replace(WELL, engine_fault="curl: not found"), "curl: not found"),
    ],
)
def test_what_is_past_or_only_the_engines_opinion_is_noted_and_makes_nothing_unhealthy(
    seen: Sighting, words: str
) -> None:
    findings = list(judge_service(seen))
    assert _worst(findings) is Outcome.NOTE
    assert words in findings[-1].words
    assert verdict_of([seen, GATEWAY, CHAT], findings) is Verdict.HEALTHY


def test_without_a_gateway_or_without_any_model_server_the_suite_is_down() -> None:
    off = Sighting("inference-chat", "inference", "", State.EXITED)
    assert verdict_of([GATEWAY, off], []) is Verdict.DOWN
    assert verdict_of([CHAT, replace(GATEWAY, ready=False)], []) is Verdict.DOWN
    assert verdict_of([], []) is Verdict.DOWN


def test_with_one_model_server_of_two_it_is_degraded() -> None:
    off = Sighting("inference-code", "inference", "", State.EXITED)
    assert verdict_of([GATEWAY, CHAT, off], list(judge_service(off))) is Verdict.DEGRADED


def test_only_what_stopped_for_good_is_not_worth_waiting_for() -> None:
    waits = {state for state in State if replace(WELL, state=state).may_recover}
    assert waits == {State.STARTING, State.RUNNING, State.RESTARTING, State.PAUSED, State.ORPHANED}
    assert not replace(WELL, state=None).may_recover


def test_the_law_of_a_card_is_less_than_nine_tenths() -> None:
    def judged(free: int) -> Outcome:
        return judge_card(GpuDevice(0, "RTX 4050", Mib(1000), Mib(free))).outcome

    assert (judged(101), judged(100), judged(0)) == (Outcome.PASS, Outcome.FAIL, Outcome.FAIL)


def test_a_slow_gateway_fails_and_so_is_one_that_does_not_answer_every_time() -> None:
    assert judge_gateway("api-gateway", [0.01] * 19 + [9.0]).outcome is Outcome.PASS  # one of 20 may be slow
    assert judge_gateway("api-gateway", [0.01] * 18 + [3.1] * 2).outcome is Outcome.FAIL
    silent = judge_gateway("api-gateway", [0.01, None])
    assert (silent.outcome, silent.words) == (Outcome.FAIL, "1 of 2 requests were not answered")


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.01, 1.0))
def test_a_percentile_is_one_of_the_values_and_enough_do_not_exceed_it(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(one <= found for one in values) >= math.ceil(share * len(values))
    assert sum(one < found for one in values) < share * len(values)


def test_a_store_that_lists_its_snapshots_is_well_and_one_that_does_not_is_named() -> None:
    assert judge_snapshots("qdrant", {}).outcome is Outcome.PASS
    assert "1 collection" in judge_snapshots("qdrant", {"docs": True}).words
    assert judge_snapshots("qdrant", None).outcome is Outcome.FAIL
    silent = judge_snapshots("qdrant", {"docs": True, "notes": False})
    assert (silent.outcome, silent.words) == (Outcome.FAIL, "it does not list the snapshots of notes")


def test_a_model_that_gives_no_token_fails_and_names_the_log_that_may_say_why() -> None:
    silent = judge_token(TokenAnswer("chat-7b by inference-code", "inference-code", "HTTP 500", 1.0))
    assert (silent.outcome, silent.words, silent.fix) == (Outcome.FAIL, "HTTP 500", "aisuite logs inference-code")
    assert judge_token(TokenAnswer("chat-7b", "api-gateway", "", 0.25)).words == "one token in 0.25 s"
    assert judge_token(TokenAnswer("rag", "rag", age=10)).words == "its model gave a token in the last 10 s"


def test_the_servers_of_a_gateway_are_read_with_their_routes() -> None:
    told = {
        "data": [
            {"model_name": "chat-7b", "model_info": {"id": "chat-7b--inference-chat"}},
            {"model_name": "chat-7b", "model_info": {"id": 7}},
            {"model_info": {"id": "x"}},
            "x",
        ]
    }
    assert servers_in(told) == (("chat-7b", "chat-7b--inference-chat"),)


def test_a_token_may_have_no_text_but_must_be_counted() -> None:
    choice = {"message": {"content": ""}}
    assert has_token({"choices": [choice], "usage": {"completion_tokens": 1}})
    assert has_token({"choices": [choice]})
    assert not has_token({"choices": [choice], "usage": {"completion_tokens": 0}})
    assert not has_token({"choices": []})


@given(JSON)
def test_whatever_a_service_tells_can_be_read(told: object) -> None:
    assert all(isinstance(state, str) for state in dependencies_in(told).values())
    assert all(isinstance(server, str) for pair in servers_in(told) for server in pair)
    assert servers_in({"data": told}) == () or isinstance(told, list)
    assert has_token({"choices": told, "usage": told}) in {True, False}
