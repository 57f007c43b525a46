"""Tables: aligned for everybody, and in colour where somebody looks."""

from __future__ import annotations

import pytest

from aisuite.cli.output import Output
from aisuite.cli.view.table import table
from aisuite.plan.observed import ALIVE, State

_ROWS = [("NAME", "STATE"), ("rag", "running")]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Output:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    return Output("status")


def test_columns_are_aligned_and_no_line_ends_in_spaces() -> None:
    assert table(_ROWS, Output("status", no_color=True)) == "NAME  STATE\nrag   running"


@pytest.mark.parametrize("word", [*State, "silent", "unhealthy", "absent", "killed"])
def test_every_state_that_is_worth_a_look_has_a_colour(word: str, terminal: Output) -> None:
    painted = table([("STATE",), (word,)], terminal).splitlines()[1]
    assert painted.startswith("\033[")
    assert ("\033[32m" in painted) == (word == State.RUNNING)


def test_what_lives_unwatched_or_frozen_is_not_shown_as_dead(terminal: Output) -> None:
    for state in ALIVE:
        assert "\033[31" not in table([("STATE",), (state,)], terminal)
