"""Several trials as one line, and a drill beside an earlier one."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.drill.model import Judged, Outcome, Trial
from aisuite.drill.summary import Spread, compare, parse_trials, summarize


def _trial(fault: str, outcome: Outcome, p99: float | None = 0.1) -> Trial:
    held = p99 is not None and p99 <= 0.5
    return Trial(fault, outcome, "why", (Judged("p99_added", 0.5, p99, held),), {"p99_added": p99})


def test_repeats_are_told_by_least_median_and_most() -> None:
    (line,) = summarize(_trial("kill", Outcome.PASS, value) for value in (0.3, 0.1, 0.2))
    assert line.figures["p99_added"] == Spread(0.1, 0.2, 0.3)
    assert (line.runs, line.passed, line.bounds) == (3, 3, {"p99_added": 0.5})


def test_the_worst_trial_is_the_verdict() -> None:
    outcomes = [Outcome.PASS, Outcome.FAIL, Outcome.DEGRADED]
    (line,) = summarize(_trial("kill", outcome) for outcome in outcomes)
    assert (line.outcome, line.passed) == (Outcome.FAIL, 1)


def test_what_never_happened_has_no_figure() -> None:
    (line,) = summarize([_trial("kill", Outcome.FAIL, None)])
    assert line.figures == {}


def test_a_drill_stands_beside_an_earlier_one() -> None:
    old = [_trial("kill", Outcome.PASS, 0.1)]
    new = [_trial("kill", Outcome.FAIL, 0.7), _trial("hang", Outcome.PASS, 0.2)]
    kill, hang = compare(old, new)
    assert kill.worse
    assert kill.medians == {"p99_added": (0.1, 0.7)}
    assert not hang.worse
    assert hang.old is None
    assert hang.medians == {"p99_added": (None, 0.2)}


def test_a_report_is_read_back() -> None:
    trials = (_trial("kill", Outcome.PASS), _trial("hang", Outcome.FAIL, None))
    text = json.dumps({"trials": [asdict(one) for one in trials]})
    assert parse_trials(text) == trials


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["trials", "fault", "outcome", "judged", "figures"]), inner)
        ),
        max_leaves=8,
    ).map(json.dumps)
)
def test_anything_else_is_refused_or_read_and_nothing_worse_happens(text: str) -> None:
    with suppress(ValueError):
        assert all(isinstance(one, Trial) for one in parse_trials(text))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"trials": [1]}', '{"trials": [{"fault": "kill"}]}'])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_trials(text)
