"""The service's own SQLite file, `rag.db`: the texts that were taken in are kept here, and points are made of them.

The schema grows by the migrations in `MIGRATIONS`, in their order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import TypeVar

from anyio import to_thread

from aisuite.services.common import ServiceError, StartError
from aisuite.services.common import migrations as common
from aisuite.services.common.migrations import Migration, NewerSchema, transaction

FILE = "rag.db"
_BUSY_SECONDS = 10.0  # a backup reads the file while we write

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class DatabaseUnusable(StartError):
    """The folder or the file in it cannot be used."""

    exit_code = 3


def make_documents(connection: sqlite3.Connection) -> None:
    """Make the tables of what is stored, and of the work that waits."""
    connection.execute(
        "CREATE TABLE collections (name TEXT PRIMARY KEY, version INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID"
    )
    # The text is compressed. state: indexed, missing (its points are to be made again), deleting (they are to go).
    connection.execute(
        "CREATE TABLE documents (collection TEXT NOT NULL, id TEXT NOT NULL, source TEXT, title TEXT, "
        "metadata TEXT NOT NULL, checksum TEXT NOT NULL, text BLOB NOT NULL, chunks INTEGER NOT NULL, "
        "state TEXT NOT NULL, job TEXT, shown_title TEXT NOT NULL, PRIMARY KEY (collection, id)) WITHOUT ROWID"
    )
    connection.execute("CREATE INDEX documents_by_state ON documents (state) WHERE state <> 'indexed'")
    connection.execute(
        "CREATE TABLE jobs (id TEXT PRIMARY KEY, number INTEGER NOT NULL, collection TEXT NOT NULL, "
        "path TEXT, prune INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL, counts TEXT NOT NULL, error TEXT, "
        "created REAL NOT NULL, updated REAL NOT NULL) WITHOUT ROWID"
    )
    connection.execute("CREATE INDEX jobs_by_number ON jobs (number)")
    connection.execute(
        "CREATE TABLE pending (job TEXT NOT NULL, number INTEGER NOT NULL, document BLOB NOT NULL, "
        "PRIMARY KEY (job, number)) WITHOUT ROWID"
    )
    connection.execute(
        "CREATE TABLE skipped (job TEXT NOT NULL, source TEXT NOT NULL, reason TEXT NOT NULL, "
        "PRIMARY KEY (job, source)) WITHOUT ROWID"
    )


def tell_folders_apart(connection: sqlite3.Connection) -> None:
    """Note which documents came from a folder, whose removed files are removed; keep skipped ones in their order."""
    connection.execute("ALTER TABLE documents ADD COLUMN from_folder INTEGER NOT NULL DEFAULT 0")
    connection.execute("DROP TABLE skipped")
    connection.execute(
        "CREATE TABLE skipped (number INTEGER PRIMARY KEY, job TEXT NOT NULL, source TEXT NOT NULL, "
        "reason TEXT NOT NULL, UNIQUE (job, source))"
    )


MIGRATIONS: tuple[Migration, ...] = (make_documents, tell_folders_apart)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Run what has not run yet. Raises `DatabaseUnusable` for a file of a newer version."""
    try:
        common.migrate(connection, migrations)
    except NewerSchema as err:
        raise DatabaseUnusable(f"{FILE}: {err}") from err


class Database:
    """One connection, used by one thread at a time; every piece of work is one transaction."""

    def __init__(self, folder: Path) -> None:
        """Open the file, made if need be. Raises `DatabaseUnusable`."""
        self._lock = Lock()
        path = folder / FILE
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._connection = _connect(path)
        except (OSError, sqlite3.Error) as err:
            raise DatabaseUnusable(f"RAG_DATA_DIR={folder}: {path} cannot be used: {err}") from err

    async def run(self, work: Work[T]) -> T:
        """Do all of some work or none of it; it is on disk when this returns. Raises `ServiceError` 503."""
        return await to_thread.run_sync(self._run, work)

    def close(self) -> None:
        """Close the file; the write-ahead log goes into it."""
        with self._lock:
            self._connection.close()

    def _run(self, work: Work[T]) -> T:
        try:
            with self._lock, transaction(self._connection):
                return work(self._connection)
        except sqlite3.OperationalError as err:
            message = f"{FILE} cannot be used: {err}"
            raise ServiceError(503, message, code="database_unavailable", headers={"Retry-After": "5"}) from err


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # what was acknowledged outlives a power cut
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection
