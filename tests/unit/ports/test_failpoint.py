"""A process dies where a test says, and nowhere else."""

import os
from collections import Counter

import pytest

from aisuite.ports import failpoint as room
from aisuite.ports.failpoint import KILLED, VARIABLE, failpoint


class Died(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def deadly(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(code: int) -> None:
        raise Died(code)

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(room, "_times", Counter())
    monkeypatch.delenv(VARIABLE, raising=False)


def test_without_the_variable_nothing_happens() -> None:
    failpoint("backup.databases")

    assert not room._times


def test_the_named_step_ends_the_process_as_a_kill_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "backup.databases")

    failpoint("backup.collections")
    with pytest.raises(Died, match=str(KILLED)):
        failpoint("backup.databases")


def test_a_step_that_comes_often_ends_at_the_time_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "backup.databases:3")

    failpoint("backup.databases")
    failpoint("backup.databases")
    with pytest.raises(Died):
        failpoint("backup.databases")
