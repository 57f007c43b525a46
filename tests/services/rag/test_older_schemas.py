"""Files of every older schema become files of this one, with everything that was in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from aisuite.services.common.migrations import schema_version
from aisuite.services.rag.database import MIGRATIONS, Database, migrate

KEPT = {int(path.stem): path for path in (Path(__file__).parent / "schemas").glob("*.sql")}


@contextmanager
def older(number: int, path: str | Path = ":memory:") -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(KEPT[number].read_text(encoding="utf-8"))
        assert schema_version(connection) == number
        yield connection


def tables(connection: sqlite3.Connection) -> dict[str, list[tuple[str, str, int]]]:
    """Return the columns of every table."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        name: sorted(row[1:4] for row in connection.execute(f"PRAGMA table_info('{name}')")) for name in sorted(names)
    }


def counts(connection: sqlite3.Connection, names: list[str]) -> dict[str, int]:
    return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


def test_a_file_of_every_older_schema_is_kept() -> None:
    assert set(range(1, len(MIGRATIONS))) <= KEPT.keys()


@pytest.mark.parametrize("number", sorted(KEPT))
def test_what_is_kept_is_what_the_migrations_made_then(number: int) -> None:
    with older(number) as connection, closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh, MIGRATIONS[:number])
        assert tables(connection) == tables(fresh)


@pytest.mark.parametrize("number", sorted(KEPT))
def test_an_older_file_becomes_a_new_one_and_its_documents_stay(number: int) -> None:
    with older(number) as connection, closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        documents = connection.execute("SELECT collection, id, text, state FROM documents").fetchall()
        before = counts(connection, ["collections", "documents", "jobs", "pending"])
        migrate(connection)
        migrate(fresh)
        assert tables(connection) == tables(fresh)
        assert counts(connection, list(before)) == before
        assert connection.execute("SELECT collection, id, text, state FROM documents").fetchall() == documents
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("number", sorted(KEPT))
def test_the_service_opens_it(number: int, tmp_path: Path) -> None:
    with older(number, tmp_path / "rag.db"):
        pass
    Database(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "rag.db")) as connection:
        assert schema_version(connection) == len(MIGRATIONS)
        assert counts(connection, ["documents"]) == {"documents": 2}
