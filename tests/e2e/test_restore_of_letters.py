"""Restores of a real RAG service that are killed, on processes: its rows and its points are of one state."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from aisuite.ports.failpoint import KILLED
from aisuite.ports.failpoint import VARIABLE as FAILPOINT
from tests.e2e.killing import each_way
from tests.e2e.letters import Letters, kill_a_restore, letters_in
from tests.e2e.suite import Suite

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

DAMAGED = b"no database at all, " * 500


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


def damage_the_database(letters: Letters) -> None:
    """Overwrite what RAG keeps while it cannot mend it, and let it die: it cannot start again."""
    database, rag = letters.folder / "data" / "rag" / "rag.db", letters.suite.services()["rag"]["pid"]
    os.kill(rag, signal.SIGSTOP)
    database.write_bytes(DAMAGED)
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    os.kill(rag, signal.SIGKILL)


def test_a_service_that_cannot_start_on_its_damaged_database_runs_behind_a_restore(letters: Letters) -> None:
    kept, database = letters.last, letters.folder / "data" / "rag" / "rag.db"
    damage_the_database(letters)
    refused = letters.suite.run("backup")
    assert (refused.code, "aisuite restore ID" in refused.err) == (7, True), refused.err

    killed = letters.suite.run("restore", kept.bundle, "--yes", **{FAILPOINT: "restore.start"})
    assert killed.code == KILLED, killed.err
    assert letters.end("--undo") == "--undo"
    assert database.read_bytes() == DAMAGED

    (damaged,) = letters.done("restore", kept.bundle, "--yes", "--json").json["damaged"]
    assert Path(damaged["stays_as"]).read_bytes() == DAMAGED
    assert letters.suite.services()["rag"]["health"] == "healthy"
    assert letters.look().content == kept.content
