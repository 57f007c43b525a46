"""The schema of a service's SQLite file grows forward only: each step is a function, run once, in one transaction.

`PRAGMA user_version` counts those that have run. A step that was ever released is never changed: another one follows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from aisuite.services.common.errors import StartError

Migration = Callable[[sqlite3.Connection], None]


class NewerSchema(StartError):
    """A newer version of the service has written the file."""

    exit_code = 3


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Run what has not run yet; cut off anywhere, the next call goes on behind the last that was whole.

    The connection is in autocommit mode (`isolation_level=None`). Raises NewerSchema.
    """
    while (done := schema_version(connection)) < len(migrations):
        with transaction(connection):
            if schema_version(connection) == done:  # else somebody else has just done it
                migrations[done](connection)
                connection.execute(f"PRAGMA user_version = {done + 1}")
    if done > len(migrations):
        raise NewerSchema(
            f"it has schema {done}, and this version knows {len(migrations)}: run the version that wrote it"
        )


def schema_version(connection: sqlite3.Connection) -> int:
    """Return how many migrations have run."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the only writer's place for a `with` block; all of what it does counts, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
