"""Schemas grow forward only, one whole step after another, whatever comes between."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from aisuite.services.common.migrations import Migration, NewerSchema, migrate, schema_version, transaction


def make(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE notes (text TEXT NOT NULL)")
    connection.execute("INSERT INTO notes VALUES ('first')")


def extend(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE notes ADD COLUMN lang TEXT")
    connection.execute("UPDATE notes SET lang = 'en'")


def open_file(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=10)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_file(tmp_path / "notes.db")) as connection:
        yield connection


def _delete_half(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM notes")
    raise KeyboardInterrupt


def rows(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    return connection.execute("SELECT * FROM notes").fetchall()


def test_each_step_runs_once_and_in_order(connection: sqlite3.Connection) -> None:
    migrate(connection, [make])
    migrate(connection, [make, extend])
    migrate(connection, [make, extend])
    assert (schema_version(connection), rows(connection)) == (2, [("first", "en")])


def test_a_step_that_fails_leaves_nothing_of_itself_and_the_next_start_goes_on(connection: sqlite3.Connection) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        extend(connection)
        raise OSError("cut off")

    with pytest.raises(OSError, match="cut off"):
        migrate(connection, [make, fail])
    assert (schema_version(connection), rows(connection)) == (1, [("first",)])
    migrate(connection, [make, extend])
    assert (schema_version(connection), rows(connection)) == (2, [("first", "en")])


def test_a_file_of_a_newer_version_is_refused_and_left_alone(connection: sqlite3.Connection) -> None:
    migrate(connection, [make, extend])
    with pytest.raises(NewerSchema, match="it has schema 2, and this version knows 1") as caught:
        migrate(connection, [make])
    assert caught.value.exit_code == 3
    assert rows(connection) == [("first", "en")]


def test_two_that_start_at_once_do_each_step_once(connection: sqlite3.Connection, tmp_path: Path) -> None:
    def count(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO notes VALUES ('again')")

    steps: list[Migration] = [make, *[count] * 20]

    def start() -> None:
        with closing(open_file(tmp_path / "notes.db")) as own:
            migrate(own, steps)

    threads = [Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert schema_version(connection) == 21
    assert len(rows(connection)) == 21


def test_what_a_transaction_has_begun_is_all_there_or_not_at_all(connection: sqlite3.Connection) -> None:
    migrate(connection, [make])
    with pytest.raises(KeyboardInterrupt), transaction(connection):
        _delete_half(connection)
    assert rows(connection) == [("first",)]
