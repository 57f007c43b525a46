"""Which schema a SQLite database has, also while others write to it."""

from __future__ import annotations

import contextlib
from pathlib import Path


def read_schema_version(path: str) -> int | None:
    """Return SQLite's user_version; None when the file is not there, or is no database."""
    import sqlite3

    if not Path(path).is_file():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True, timeout=5)) as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        return None
    return int(version)
