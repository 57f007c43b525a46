"""Restores of a real RAG service that are killed, on processes: its rows and its points are of one state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.killing import each_way
from tests.e2e.letters import Letters, kill_a_restore, letters_in, restore_over_damage
from tests.e2e.suite import Suite

pytestmark = [pytest.mark.e2e, pytest.mark.soak]


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Letters]:
    """A demo suite on processes that is up and got one letter."""
    suite = Suite(tmp_path_factory.mktemp("suite"))
    with letters_in(suite, "letters", "process") as made:
        yield made
    assert suite.processes() == []


@pytest.mark.parametrize(("step", "end"), each_way())
def test_a_restore_that_is_killed_is_finished_or_taken_back(letters: Letters, step: str, end: str) -> None:
    kill_a_restore(letters, step, end)


def test_a_service_that_cannot_start_on_its_damaged_database_runs_behind_a_restore(letters: Letters) -> None:
    restore_over_damage(letters, letters.suite.services()["rag"]["pid"])
