"""The service's own database: one schema, reached from every older one, and nothing half done."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from anyio import run

from aisuite.services.common import ServiceError
from aisuite.services.rag.database import MIGRATIONS, Database, DatabaseUnusable, migrate


def test_a_new_file_belongs_to_its_owner_alone_and_has_the_newest_schema(tmp_path: Path) -> None:
    Database(tmp_path / "rag").close()
    file = tmp_path / "rag" / "rag.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    connection.close()


def test_each_migration_runs_once_and_in_order(tmp_path: Path) -> None:
    ran: list[int] = []
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    migrate(connection, [lambda _: ran.append(1)])
    migrate(connection, [lambda _: ran.append(1), lambda _: ran.append(2)])
    connection.close()
    assert ran == [1, 2]


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(rows: sqlite3.Connection) -> None:
        rows.execute("CREATE TABLE half (x)")
        rows.execute("no SQL")

    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, [fail])
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    assert connection.execute("PRAGMA user_version").fetchone() == (0,)
    connection.close()


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "rag.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DatabaseUnusable, match="schema 99"):
        Database(tmp_path)


def test_what_is_no_database_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "rag.db").write_bytes(b"not a database at all, but long enough to be read as one" * 20)
    with pytest.raises(DatabaseUnusable, match=r"rag\.db cannot be used"):
        Database(tmp_path)


def test_work_that_fails_changes_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path)

    def half(rows: sqlite3.Connection) -> None:
        rows.execute("INSERT INTO collections VALUES ('a', 1)")
        rows.execute("no SQL")

    with pytest.raises(ServiceError) as refused:
        run(database.run, half)
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})
    assert run(database.run, lambda rows: rows.execute("SELECT count(*) FROM collections").fetchone()) == (0,)
    database.close()
