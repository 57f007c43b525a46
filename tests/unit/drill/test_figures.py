"""Figures: what was measured, from requests made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.drill.catalogue import CATALOGUE
from aisuite.drill.figures import errors, figures, matrix_success, windows
from aisuite.drill.model import Moments, Request
from tests.unit.drill.requests import FIRST, SECOND, bad, good

KILL, HANG, DOWN = CATALOGUE["kill"], CATALOGUE["hang"], CATALOGUE["both-down"]
AT_10 = Moments(fault=10.0, unhealthy=10.2, healthy=12.0, end=70.0)

_requests = st.builds(
    lambda kind, start, took, well: (
        good(start, took, kind=kind) if well else replace(bad(start, took, kind=kind), error=None)
    ),
    st.sampled_from(["plain", "stream", "rag", "poison"]),
    st.floats(-2, 100),
    st.floats(0, 50),
    st.booleans(),
)


def test_p99_added_is_what_the_fault_added_to_the_slowest() -> None:
    before = [good(at / 10, 0.1) for at in range(90)]
    after = [good(11 + at / 10, 0.1 if at < 98 else 0.4) for at in range(100)]
    found = figures(KILL, [*before, *after], AT_10, FIRST)
    assert found["p99_before"] == pytest.approx(0.1)
    assert found["p99"] == pytest.approx(0.4)
    assert found["p99_added"] == pytest.approx(0.3)
    assert found["p50"] == pytest.approx(0.1)


def test_a_request_under_way_at_the_fault_counts_from_the_fault() -> None:
    found = figures(HANG, [good(9.5, 7.5)], AT_10, FIRST)
    assert found["in_flight"] == pytest.approx(7.0)
    assert found["p99"] is None


def test_requests_begun_before_a_hang_can_be_noticed_are_judged_as_in_flight() -> None:
    found = figures(HANG, [good(20.0, 6.0), good(27.5, 0.2)], AT_10, FIRST)
    assert found["in_flight"] == pytest.approx(6.0)
    assert found["p99"] == pytest.approx(0.2)
    assert found["plain"] == 2.0


def test_the_first_good_answer_is_one_that_was_begun_after_the_fault() -> None:
    found = figures(KILL, [good(9.9, 0.2), bad(10.05, 0.1), good(10.1, 0.2, server=SECOND)], AT_10, FIRST)
    assert found["first_good"] == pytest.approx(0.3)


def test_back_on_first_counts_from_readiness_and_only_the_first_choice() -> None:
    found = figures(KILL, [good(11.0), good(13.0, server=SECOND), good(14.0, 0.5)], AT_10, FIRST)
    assert found["back_on_first"] == pytest.approx(2.5)
    assert found["recovers"] == pytest.approx(1.1)


def test_success_counts_plain_requests_begun_from_the_fault_on() -> None:
    found = figures(KILL, [bad(1), bad(9.95, 0.2), good(11), good(12), bad(13), bad(14, kind="stream")], AT_10, FIRST)
    assert found["plain_success"] == pytest.approx(2 / 3)


def test_a_stream_that_falls_silent_is_not_marked_and_one_with_an_error_event_is() -> None:
    silent, told = bad(11, kind="stream", error=None), bad(12, kind="stream", error="upstream died")
    found = figures(KILL, [good(13, kind="stream"), silent, told], AT_10, FIRST)
    assert found["streams_marked"] == pytest.approx(2 / 3)
    assert found["streams_whole"] == pytest.approx(1 / 3)


def test_the_longest_wait_for_an_error_is_found() -> None:
    found = figures(DOWN, [bad(8.0, 6.0), bad(11, 3.0), good(12, 30.0)], AT_10, FIRST)
    assert found["explicit_error"] == pytest.approx(4.0)


def test_who_was_left_waiting_until_the_fault_was_over_was_not_told_anything_all_that_time() -> None:
    held = replace(AT_10, undone=40.0, healthy=43.0)
    assert figures(DOWN, [bad(11, 3.0), good(12, 30.0)], held, FIRST)["explicit_error"] == pytest.approx(28.0)
    asked_again = [bad(39.0, 3.0), good(39.5, 1.0)]
    assert figures(DOWN, asked_again, held, FIRST)["explicit_error"] == pytest.approx(3.0)

    qdrant = CATALOGUE["qdrant-restart"]  # not held: over when it is ready again
    waited = [good(11.5, 9.0, kind="rag"), good(13, 0.1, kind="rag")]
    assert figures(qdrant, waited, AT_10, None)["explicit_error"] == pytest.approx(0.5)

    assert figures(HANG, [good(11.0, 6.0)], AT_10, FIRST)["explicit_error"] == 0.0, "it may take as long as it takes"


def test_who_asked_while_every_server_was_made_too_slow_waited_for_the_error_too() -> None:
    moments = Moments(fault=14.0, breaking=10.0, undone=150.0, healthy=151.0)
    seen = [good(12.5, 139.0), bad(12.8, 120.2), bad(10.5, 1.0), good(152.0)]
    assert figures(CATALOGUE["timeout"], seen, moments, FIRST)["explicit_error"] == pytest.approx(120.2)
    assert figures(CATALOGUE["poison"], seen, moments, FIRST)["explicit_error"] == 0.0


def test_health_counts_from_the_rollback_of_a_fault_that_was_held() -> None:
    held = replace(AT_10, undone=40.0, healthy=43.0)
    assert figures(DOWN, [], held, FIRST)["healthy_again"] == pytest.approx(3.0)
    assert figures(KILL, [], AT_10, FIRST)["healthy_again"] == pytest.approx(2.0)
    assert figures(KILL, [], replace(AT_10, healthy=None), FIRST)["healthy_again"] is None


def test_what_happens_while_a_stand_in_is_put_in_place_or_taken_away_is_not_judged() -> None:
    moments = Moments(fault=12.0, breaking=10.0, undone=40.0, healthy=43.0)
    seen = [good(5.0), bad(10.5), bad(11.9, 0.5), good(13.0, 0.2), bad(41.0), good(44.0, 0.3)]
    found = figures(CATALOGUE["error-500"], seen, moments, FIRST)
    assert found["plain_success"] == 1.0
    assert found["p99"] == pytest.approx(0.2)
    assert found["p99_before"] == pytest.approx(0.1)
    assert found["back_on_first"] == pytest.approx(1.3)


def test_errors_are_counted_by_what_clients_were_told_the_commonest_first() -> None:
    seen = [bad(1, error="early"), bad(11, error="b"), bad(12, error="a"), bad(13, error="a")]
    assert list(errors(KILL, seen, AT_10).items()) == [("plain: a", 2), ("plain: b", 1)]


def test_the_whole_matrix_leaves_outages_out() -> None:
    some = {"plain": 100.0, "plain_good": 99.0}
    assert matrix_success([(KILL, some), (DOWN, {"plain": 100.0, "plain_good": 0.0})]) == pytest.approx(0.99)
    assert matrix_success([(DOWN, some)]) is None


@given(st.lists(_requests, max_size=30), st.floats(0, 60), st.sampled_from(sorted(CATALOGUE)))
def test_every_request_but_poison_and_the_warm_up_is_in_exactly_one_window(
    requests: list[Request], moment: float, name: str
) -> None:
    seen = windows(CATALOGUE[name], requests, Moments(fault=moment))
    parts = [*seen.before, *seen.caught, *seen.later]
    counted = [one for one in requests if one.kind != "poison" and (one.start >= 0 or one.end >= moment)]
    assert sorted(map(id, parts)) == sorted(map(id, counted))


@given(st.lists(_requests, max_size=30), st.floats(0, 60), st.sampled_from(sorted(CATALOGUE)))
def test_shares_are_shares_and_seconds_are_not_negative(requests: list[Request], moment: float, name: str) -> None:
    found = figures(CATALOGUE[name], requests, Moments(fault=moment, healthy=moment + 1, undone=moment), FIRST)
    for key in ("plain_success", "streams_marked", "streams_whole", "first_before"):
        assert found[key] is None or 0 <= found[key] <= 1
    for key in ("p50", "p99", "first_good", "in_flight", "explicit_error", "back_on_first", "recovers"):
        assert found[key] is None or found[key] >= 0
