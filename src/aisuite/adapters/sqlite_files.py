"""SQLite files, through SQLite alone: copied while others write, checked, and put in place."""

from __future__ import annotations

import errno
import hashlib
import marshal
import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from aisuite.adapters.durable import create_private
from aisuite.errors import AisuiteError, BackupFailed, BundleDamaged, DiskFull, RestoreFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_BUSY = 30.0  # seconds to wait for a writer that holds the whole file
_ROWS = 1000  # that are in memory at once
_MARSHAL = 2  # the last version that writes equal values alike, whoever else refers to them
_ALL_PAGES = -1  # in one step: a copy in many begins anew whenever somebody writes
_ROWIDS = ("_rowid_", "rowid", "oid")
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_FULL_TEXT = ("fts5", "fts4", "fts3")


@dataclass(frozen=True, slots=True)
class DatabaseContent:
    """What a database says of itself."""

    schema_version: int
    rows: Mapping[str, int]
    content_digest: str


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    virtual: bool
    has_rowid: bool


@dataclass(frozen=True, slots=True)
class FrozenDatabase:
    """A database as it was at one moment, whoever writes to it since."""

    _source: Path
    _connection: sqlite3.Connection

    def copy(self, target: Path) -> None:
        """Copy what it was into a new 0600 file; nothing of the source is changed, its WAL neither.

        Raises BackupFailed, BundleDamaged, DiskFull.
        """
        with _translated(self._source, BackupFailed):
            create_private(target).close()
            with closing(_connect(target, "mode=rw")) as new:
                new.execute("PRAGMA synchronous = OFF")  # whoever takes the copy into a bundle syncs it there
                self._connection.backup(new, pages=_ALL_PAGES)


class SqliteFiles:
    """Freezes, examines and places databases."""

    @contextmanager
    def freeze(self, source: Path) -> Iterator[FrozenDatabase]:
        """Give a database as it is now. Writers in WAL mode go on meanwhile; only their WAL is not cut.

        Raises BackupFailed, and BundleDamaged for one that no longer is a database.
        """
        with _translated(source, BackupFailed):
            database = _connect(source, "mode=ro")
        with closing(database):
            with _translated(source, BackupFailed):
                database.execute("BEGIN")
                database.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # a transaction begins with a read
            yield FrozenDatabase(source, database)

    def examine(self, path: Path) -> DatabaseContent:
        """Check a database nobody else uses (integrity, foreign keys, full-text indexes) and describe it.

        Raises BundleDamaged naming what is wrong.
        """
        with _translated(path, BundleDamaged), closing(_connect(path, "mode=rw")) as database:
            database.text_factory = bytes  # what is no UTF-8 is content, too
            _check(database, path)
            rows, digest = read_all(database)
            return DatabaseContent(_number(database, "PRAGMA user_version"), rows, digest)

    def schema_version(self, path: Path) -> int:
        """Return its PRAGMA user_version; others may be using it. Raises BundleDamaged."""
        with _translated(path, BundleDamaged), closing(_connect(path, "mode=ro")) as database:
            return _number(database, "PRAGMA user_version")

    def place(self, source: Path, target: Path, kept: Path) -> None:
        """Put a checked database in a place whose writers are stopped, and keep the old one, durably.

        All three lie in one folder's file system. Interrupted anywhere and called again, the end is the same:
        `target` is the new one, `kept` the old one where there was one. Raises RestoreFailed, DiskFull.
        """
        with _translated(target, RestoreFailed):
            if not source.exists():
                if not target.exists():
                    raise RestoreFailed(f"neither {source} nor {target} is there", f"ls -l {target.parent}")
                return
            _sync(source)
            if target.exists():
                _fold_wal(target, kept)
                if not kept.exists():
                    os.link(target, kept)  # at no time is there no database: the new one takes the name below
            _beside(target, "-wal").unlink(missing_ok=True)  # SQLite would read it into the new one
            _beside(target, "-shm").unlink(missing_ok=True)
            _beside(target, "-journal").unlink(missing_ok=True)
            _sync(target.parent)
            source.replace(target)
            _sync(target.parent)


def _fold_wal(target: Path, kept: Path) -> None:
    """Bring what the WAL holds into the file; where it is too damaged for that, keep the WAL beside what is kept."""
    try:
        with closing(_connect(target, "mode=rw")) as database:
            (busy, *_) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.DatabaseError as err:
        if _code(err) not in _DAMAGED:
            raise
        wal = _beside(target, "-wal")
        if wal.exists() and wal.stat().st_size:
            wal.replace(_beside(kept, "-wal"))
        return
    if busy:
        raise RestoreFailed(f"{target} is in use", f"fuser {target}")


def _code(err: sqlite3.Error) -> int:
    return int(getattr(err, "sqlite_errorcode", 0)) & 0xFF


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _connect(path: Path, how: str) -> sqlite3.Connection:
    place = quote(str(path.absolute()))
    return sqlite3.connect(f"file:{place}?{how}", uri=True, timeout=_BUSY, isolation_level=None)


def _tables(database: sqlite3.Connection) -> list[_Table]:
    """Return the tables that hold what people put in; those that SQLite keeps for itself hold nothing more."""
    found = database.execute("SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' ORDER BY name")
    return [
        _Table(name.decode(), kind == b"virtual", not without_rowid)
        for name, kind, without_rowid in found
        if kind in (b"table", b"virtual") and not name.startswith(b"sqlite_")
    ]


def _check(database: sqlite3.Connection, path: Path) -> None:
    for what, pragma, fine in (
        ("its pages are damaged", "PRAGMA integrity_check(1)", [(b"ok",)]),
        ("a row points to one that is not there", "PRAGMA foreign_key_check", []),
    ):
        found = database.execute(pragma).fetchmany(1)
        if found != fine:
            said = ", ".join(one.decode(errors="replace") if isinstance(one, bytes) else str(one) for one in found[0])
            raise BundleDamaged(f"{path.name}: {what}: {' '.join(said.split())}")
    for table in _tables(database):
        if table.virtual and _is_full_text(database, table):
            name = _quoted(table.name)
            database.execute(f"INSERT INTO {name}({name}) VALUES ('integrity-check')")  # noqa: S608  it writes nothing


def _is_full_text(database: sqlite3.Connection, table: _Table) -> bool:
    (text,) = database.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table.name,)).fetchone()
    module: str = text.decode(errors="replace").lower().partition(" using ")[2].lstrip()
    return module.startswith(_FULL_TEXT)


def read_all(database: sqlite3.Connection) -> tuple[dict[str, int], str]:
    """Return how many rows each table has, and a digest of all of them; texts must come as bytes."""
    digest, counts = hashlib.sha256(), {}
    for table in _tables(database):
        order = _order(database, table)
        rows = database.execute(f"SELECT * FROM {_quoted(table.name)} ORDER BY {order}")  # noqa: S608  quoted
        digest.update(ascii((table.name, [column[0] for column in rows.description])).encode())
        counts[table.name] = 0
        while batch := rows.fetchmany(_ROWS):
            counts[table.name] += len(batch)
            digest.update(marshal.dumps(batch, _MARSHAL))
    return counts, digest.hexdigest()


def _order(database: sqlite3.Connection, table: _Table) -> str:
    """Return what puts the rows of a table in the same order in every copy."""
    columns = database.execute("SELECT name, pk FROM pragma_table_info(?)", (table.name,)).fetchall()
    if table.has_rowid:
        named = {name.decode().lower() for name, _ in columns}
        free = next((one for one in _ROWIDS if one not in named), None)
        if free is not None:
            return free
    keys = [name.decode() for name, key in sorted(columns, key=lambda one: one[1]) if key]
    return ", ".join(map(_quoted, keys or [name.decode() for name, _ in columns]))


def _number(database: sqlite3.Connection, question: str) -> int:
    return int(database.execute(question).fetchone()[0])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _translated(path: Path, error: type[AisuiteError]) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as err:
        if _code(err) == sqlite3.SQLITE_FULL:
            raise DiskFull(f"no space left beside {path}", f"df -h {path.parent}") from err
        said = f"{path}: SQLite says: {err}"
        if error is BackupFailed and _code(err) in _DAMAGED:
            raise BundleDamaged(said, "aisuite restore ID   # of a backup from before") from err
        raise error(said) from err
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no space left beside {path}", f"df -h {path.parent}") from err
        raise error(f"{path}: {err.strerror}", f"ls -ld {path.parent}") from err
