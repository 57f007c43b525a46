"""Index jobs and the documents that wait in them, as rows."""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from pydantic import BaseModel, Field

from aisuite.services.common import ServiceError
from aisuite.services.rag.database import Database, Work
from aisuite.services.rag.documents import Document, Skipped

State = Literal["queued", "running", "waiting", "done", "failed", "cancelled"]
OPEN = ("queued", "running", "waiting")
_OPEN = "('queued', 'running', 'waiting')"
_SKIPPED_SHOWN = 1000
_KEPT = 1000  # finished jobs that can still be asked for
_FIELDS = "id, collection, path, prune, state, counts, error, created, updated"


class Counts(BaseModel):
    """What became of the documents. `documents` counts all that are stored now, `chunks` those written."""

    documents: int = 0
    chunks: int = 0
    unchanged: int = 0
    replaced: int = 0
    removed: int = 0
    total: int | None = Field(default=None, description="Documents in all; null until they are counted.")


class Failure(BaseModel):
    """Why a job failed, or what it waits for."""

    status: int
    code: str | None
    message: str

    def as_error(self) -> ServiceError:
        """Give it as the error that it was."""
        temporary = self.status in (429, 503, 504)
        headers = {"Retry-After": "5"} if temporary else {}
        return ServiceError(self.status, self.message, code=self.code, headers=headers)


@dataclass(frozen=True)
class Job:
    """An order to index: documents that wait as rows or, with a path, the documents below it."""

    id: str
    collection: str
    path: str | None
    prune: bool
    state: State
    counts: Counts
    error: Failure | None = None
    created: float = 0.0
    updated: float = 0.0
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """Documents of a job that are next, and the number of the last of them."""

    documents: list[Document] = field(default_factory=list)
    last: int = 0


class JobRows:
    """The rows of all jobs. Every call raises the errors of `Database.run`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, job: Job, documents: Sequence[Document | Skipped]) -> None:
        """Take a job in, with its documents: when this returns it outlives a crash."""
        skipped = [item for item in documents if isinstance(item, Skipped)]
        packed = [_pack(item) for item in documents if isinstance(item, Document)]

        def write(rows: sqlite3.Connection) -> None:
            (number,) = rows.execute("SELECT coalesce(max(number), 0) + 1 FROM jobs").fetchone()
            now = time.time()
            values = (job.id, number, job.collection, job.path, job.prune, job.state, job.counts.model_dump_json())
            rows.execute("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, ?)", (*values, now, now))
            pending = [(job.id, at, document) for at, document in enumerate(packed, 1)]
            rows.executemany("INSERT INTO pending VALUES (?, ?, ?)", pending)
            note_skipped(rows, job.id, skipped)
            _forget_old(rows, number - _KEPT)

        await self._database.run(write)

    async def find(self, job: str) -> Job | None:
        """Look a job up, with what it skipped (the first thousand)."""

        def read(rows: sqlite3.Connection) -> Job | None:
            found = rows.execute(f"SELECT {_FIELDS} FROM jobs WHERE id = ?", (job,)).fetchone()  # noqa: S608
            query = "SELECT source, reason FROM skipped WHERE job = ? ORDER BY number LIMIT ?"
            return _job(found, rows.execute(query, (job, _SKIPPED_SHOWN)).fetchall()) if found else None

        return await self._database.run(read)

    async def is_open(self, job: str) -> bool:
        """Tell whether a job is unfinished."""
        query = f"SELECT 1 FROM jobs WHERE id = ? AND state IN {_OPEN}"  # noqa: S608
        return await self._database.run(lambda rows: rows.execute(query, (job,)).fetchone()) is not None

    async def recent(self, collection: str | None, limit: int) -> list[Job]:
        """List the newest jobs, the newest first, without what they skipped."""
        query = f"SELECT {_FIELDS} FROM jobs WHERE ?1 IS NULL OR collection = ?1 ORDER BY number DESC LIMIT ?2"  # noqa: S608
        found = await self._database.run(lambda rows: rows.execute(query, (collection, limit)).fetchall())
        return [_job(row) for row in found]

    async def next_open(self, collection: str) -> Job | None:
        """Give the oldest job of a collection that is not finished."""
        query = f"SELECT {_FIELDS} FROM jobs WHERE collection = ? AND state IN {_OPEN} ORDER BY number LIMIT 1"  # noqa: S608
        found = await self._database.run(lambda rows: rows.execute(query, (collection,)).fetchone())
        return _job(found) if found else None

    async def open_collections(self) -> dict[str, int]:
        """Count the unfinished jobs of each collection that has some."""
        query = f"SELECT collection, count(*) FROM jobs WHERE state IN {_OPEN} GROUP BY collection"  # noqa: S608
        return dict(await self._database.run(lambda rows: rows.execute(query).fetchall()))

    async def waiting(self, job: str, count: int, size: int) -> Waiting:
        """Read the next documents of a job: at most `count`, and no more once they have `size` bytes compressed."""
        query = "SELECT number, document FROM pending WHERE job = ? ORDER BY number LIMIT ?"

        def read(rows: sqlite3.Connection) -> Waiting:
            documents: list[Document] = []
            last, used = 0, 0
            for number, packed in rows.execute(query, (job, count)):
                if documents and used + len(packed) > size:
                    break
                documents.append(_unpack(packed))
                last, used = number, used + len(packed)
            return Waiting(documents, last)

        return await self._database.run(read)

    async def count_waiting(self, job: str) -> int:
        """Count the documents of a job that are still to be indexed."""
        query = "SELECT count(*) FROM pending WHERE job = ?"
        (count,) = await self._database.run(lambda rows: rows.execute(query, (job,)).fetchone())
        return int(count)

    async def set_state(self, job: str, state: State, error: Failure | None = None) -> bool:
        """Move an unfinished job to a state; False when it is finished already. What waits in a finished one goes."""
        query = f"UPDATE jobs SET state = ?, error = ?, updated = ? WHERE id = ? AND state IN {_OPEN}"  # noqa: S608
        written = error.model_dump_json() if error else None

        def write(rows: sqlite3.Connection) -> bool:
            changed = rows.execute(query, (state, written, time.time(), job)).rowcount == 1
            if changed and state not in OPEN:
                rows.execute("DELETE FROM pending WHERE job = ?", (job,))
            return changed

        return await self._database.run(write)


def save_progress(job: str, counts: Counts, last: int, skipped: Sequence[Skipped]) -> Work[None]:
    """Make the work that notes how far a job has come; it belongs into the transaction that stores its documents."""

    def write(rows: sqlite3.Connection) -> None:
        query = "UPDATE jobs SET counts = ?, updated = ? WHERE id = ?"
        rows.execute(query, (counts.model_dump_json(), time.time(), job))
        rows.execute("DELETE FROM pending WHERE job = ? AND number <= ?", (job, last))
        note_skipped(rows, job, skipped)

    return write


def note_skipped(rows: sqlite3.Connection, job: str, skipped: Sequence[Skipped]) -> None:
    """Note what was not indexed; the same thing is noted once."""
    noted = [(job, one.source, one.reason) for one in skipped]
    rows.executemany("INSERT OR IGNORE INTO skipped (job, source, reason) VALUES (?, ?, ?)", noted)


def _forget_old(rows: sqlite3.Connection, last: int) -> None:
    query = f"SELECT id FROM jobs WHERE number <= ? AND state NOT IN {_OPEN}"  # noqa: S608
    old = rows.execute(query, (last,)).fetchall()
    rows.executemany("DELETE FROM skipped WHERE job = ?", old)
    rows.executemany("DELETE FROM jobs WHERE id = ?", old)


def _job(row: tuple[object, ...], skipped: Sequence[tuple[str, str]] = ()) -> Job:
    name, collection, path, prune, state, counts, error, created, updated = row
    return Job(
        id=str(name),
        collection=str(collection),
        path=path if isinstance(path, str) else None,
        prune=bool(prune),
        state=state,  # type: ignore[arg-type]  # the table holds nothing else
        counts=Counts.model_validate_json(str(counts)),
        error=Failure.model_validate_json(error) if isinstance(error, str) else None,
        created=float(str(created)),
        updated=float(str(updated)),
        skipped=tuple(Skipped(*one) for one in skipped),
    )


def _pack(document: Document) -> bytes:
    return zlib.compress(json.dumps(asdict(document), ensure_ascii=False).encode(), 1)


def _unpack(packed: bytes) -> Document:
    return Document(**json.loads(zlib.decompress(packed)))
