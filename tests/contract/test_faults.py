"""What everything that breaks services keeps, on the fake and on real engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aisuite.drill.model import Action, StubMode, Undo
from aisuite.errors import StepFailed
from tests.contract.faults import CHAT, EngineCase, FakeFaultsCase, FaultsCase, ProcessFaultsCase
from tests.contract.waiting import eventually

HELD = (Action.HANG, Action.STOP, Action.STAND_IN)
OVER_AT_ONCE = (Action.KILL, Action.CRASH, Action.RESTART)


@pytest.fixture(params=["fake", "engine", pytest.param("process", marks=pytest.mark.process)])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FaultsCase]:
    if request.param == "process":
        made = ProcessFaultsCase(tmp_path / "a project")
        yield made
        made.engine.close()
    else:
        yield FakeFaultsCase() if request.param == "fake" else EngineCase()


def entry(action: Action) -> Undo:
    return Undo("a-fault", action, CHAT, StubMode.SERVER_ERROR if action is Action.STAND_IN else None)


def is_back(case: FaultsCase) -> bool:
    return eventually(case.is_as_rendered)


@pytest.mark.parametrize("action", [*HELD, *OVER_AT_ONCE])
def test_what_was_broken_is_mended_and_both_may_be_repeated(case: FaultsCase, action: Action) -> None:
    assert case.faults().why_not(action) is None
    case.faults().inject(entry(action))
    if action in HELD:
        case.faults().inject(entry(action))
        assert not case.is_as_rendered()
    case.faults().undo(entry(action))
    case.faults().undo(entry(action))
    assert is_back(case)


@pytest.mark.parametrize("action", [*HELD, *OVER_AT_ONCE])
def test_what_was_never_broken_is_left_as_it_is(case: FaultsCase, action: Action) -> None:
    case.faults().undo(entry(action))
    assert case.is_as_rendered()


@pytest.mark.parametrize("action", [Action.STOP, Action.STAND_IN, Action.RESTART])
def test_what_an_interruption_took_away_is_started_again(case: FaultsCase, action: Action) -> None:
    case.take_away()
    case.faults().undo(entry(action))
    assert is_back(case)


def test_what_cannot_be_done_is_said_in_words_and_refused(case: FaultsCase) -> None:
    assert case.faults().why_not(case.lacks)
    with pytest.raises(StepFailed):
        case.faults().inject(entry(case.lacks))
    assert case.is_as_rendered()
