"""The documents that were taken in, as rows: the truth that points are made from."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel

from aisuite.services.rag.database import Database, Work
from aisuite.services.rag.documents import Document

INDEXED = "indexed"
MISSING = "missing"
DELETING = "deleting"
_FAST = 1  # zlib's level: half of the best one's gain in a tenth of its time
_NAMES_AT_ONCE = 500
_INSERT = (
    "INSERT OR REPLACE INTO documents (collection, id, source, title, metadata, checksum, text, chunks, state, "
    "shown_title, job, from_folder) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class DocumentSummary(BaseModel):
    """A stored document."""

    document_id: str
    source: str | None
    title: str
    chunks: int
    checksum: str


@dataclass(frozen=True)
class Version:
    """A document, and the names under which this version of it is stored."""

    id: str
    checksum: str
    document: Document


@dataclass(frozen=True)
class Stored:
    """A version whose chunks are in the store, and the title under which it is shown."""

    version: Version
    chunks: int
    title: str


class Known(NamedTuple):
    """The stored version of a document, and the last job that came across it."""

    checksum: str
    job: str | None


class Origin(NamedTuple):
    """The job that documents came with, and whether it read them from a folder."""

    job: str | None = None
    from_folder: bool = False


NOBODY = Origin()


class Records:
    """The rows of all collections. Every call raises the errors of `Database.run`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, collection: str, documents: Sequence[str]) -> dict[str, Known]:
        """Find those of some documents that are stored with all their points."""
        return await self._database.run(lambda rows: _known(rows, collection, documents))

    async def all_versions(self, collection: str) -> dict[str, tuple[str, int, str]]:
        """Give each document's checksum, number of chunks and state."""
        query = "SELECT id, checksum, chunks, state FROM documents WHERE collection = ?"
        found = await self._database.run(lambda rows: rows.execute(query, (collection,)).fetchall())
        return {name: (checksum, chunks, state) for name, checksum, chunks, state in found}

    async def put(
        self,
        collection: str,
        stored: Sequence[Stored],
        seen: Sequence[str] = (),
        origin: Origin = NOBODY,
        also: Work[None] | None = None,
    ) -> None:
        """Write versions whose points have been stored, and note for unchanged ones who has seen them.

        `also` is done in the same transaction.
        """
        packed = [(*_row(collection, one), *origin) for one in stored]
        notes = [(*origin, collection, name) for name in seen]

        def write(rows: sqlite3.Connection) -> None:
            rows.executemany(_INSERT, packed)
            rows.executemany("UPDATE documents SET job = ?, from_folder = ? WHERE collection = ? AND id = ?", notes)
            if packed:
                _raise_version(rows, collection)
            if also is not None:
                also(rows)

        await self._database.run(write)

    async def unseen(self, collection: str, folder: str, job: str) -> list[str]:
        """Name the documents from below a folder (or one file) that a job neither saw nor failed to read."""
        query = (
            "SELECT id FROM documents AS d WHERE collection = ?1 AND from_folder AND job IS NOT ?3 "
            "AND (?2 = '.' OR source = ?2 OR substr(source, 1, length(?2) + 1) = ?2 || '/') "
            "AND NOT EXISTS (SELECT 1 FROM skipped AS s WHERE s.job = ?3 "
            "AND (d.source = s.source OR substr(d.source, 1, length(s.source) + 1) = s.source || '/')) ORDER BY id"
        )
        found = await self._database.run(lambda rows: rows.execute(query, (collection, folder, job)).fetchall())
        return [name for (name,) in found]

    async def version(self, collection: str) -> int:
        """Number the state of a collection: another number means that something in it has changed."""
        query = "SELECT version FROM collections WHERE name = ?"
        found = await self._database.run(lambda rows: rows.execute(query, (collection,)).fetchone())
        return int(found[0]) if found else 0

    async def collections(self) -> list[str]:
        """Name the collections that have rows."""
        query = "SELECT DISTINCT collection FROM documents ORDER BY 1"
        return [name for (name,) in await self._database.run(lambda rows: rows.execute(query).fetchall())]

    async def page(self, collection: str, offset: int, limit: int) -> tuple[list[DocumentSummary], int]:
        """List some documents by id, and count all of them."""
        count = "SELECT count(*) FROM documents WHERE collection = ? AND state <> 'deleting'"
        query = (
            "SELECT id, source, shown_title, chunks, checksum FROM documents "
            "WHERE collection = ? AND state <> 'deleting' ORDER BY id LIMIT ? OFFSET ?"
        )

        def read(rows: sqlite3.Connection) -> tuple[list[DocumentSummary], int]:
            fields = list(DocumentSummary.model_fields)
            found = rows.execute(query, (collection, limit, offset)).fetchall()
            (total,) = rows.execute(count, (collection,)).fetchone()
            return [DocumentSummary(**dict(zip(fields, row, strict=True))) for row in found], total

        return await self._database.run(read)

    async def names(self, collection: str, state: str, limit: int) -> list[str]:
        """Name documents in a state."""
        query = "SELECT id FROM documents WHERE collection = ? AND state = ? ORDER BY id LIMIT ?"
        found = await self._database.run(lambda rows: rows.execute(query, (collection, state, limit)).fetchall())
        return [name for (name,) in found]

    async def texts(self, collection: str, documents: Iterable[str]) -> list[Document]:
        """Read documents as they were taken in."""
        query = "SELECT id, source, title, metadata, text FROM documents WHERE collection = ? AND id = ?"

        def read(rows: sqlite3.Connection) -> list[Document]:
            found = (rows.execute(query, (collection, name)).fetchone() for name in documents)
            return [_document(row) for row in found if row]

        return await self._database.run(read)

    async def mark(self, collection: str, documents: Iterable[str], state: str) -> None:
        """Set the state of documents; without any, nothing changes."""
        marks = [(state, collection, name) for name in documents]
        if not marks:
            return
        query = "UPDATE documents SET state = ? WHERE collection = ? AND id = ?"

        def write(rows: sqlite3.Connection) -> None:
            rows.executemany(query, marks)
            _raise_version(rows, collection)

        await self._database.run(write)

    async def mark_all(self, collection: str, state: str) -> None:
        """Set the state of all documents of a collection."""
        query = "UPDATE documents SET state = ? WHERE collection = ? AND state <> 'deleting'"
        await self._database.run(lambda rows: rows.execute(query, (state, collection)))

    async def remove(self, collection: str, documents: Iterable[str]) -> None:
        """Forget documents."""
        gone = [(collection, name) for name in documents]

        def write(rows: sqlite3.Connection) -> None:
            rows.executemany("DELETE FROM documents WHERE collection = ? AND id = ?", gone)
            _raise_version(rows, collection)

        await self._database.run(write)

    async def remove_all(self, collection: str) -> None:
        """Forget a collection; its version goes on, as nothing that was found in it holds any more."""

        def write(rows: sqlite3.Connection) -> None:
            rows.execute("DELETE FROM documents WHERE collection = ?", (collection,))
            _raise_version(rows, collection)

        await self._database.run(write)


def _known(rows: sqlite3.Connection, collection: str, documents: Sequence[str]) -> dict[str, Known]:
    known: dict[str, Known] = {}
    for start in range(0, len(documents), _NAMES_AT_ONCE):
        names = documents[start : start + _NAMES_AT_ONCE]
        marks = ", ".join("?" * len(names))
        query = (
            f"SELECT id, checksum, job FROM documents WHERE collection = ? AND state = 'indexed' AND id IN ({marks})"  # noqa: S608  only question marks
        )
        known.update({name: Known(checksum, job) for name, checksum, job in rows.execute(query, (collection, *names))})
    return known


def _row(collection: str, stored: Stored) -> tuple[object, ...]:
    version, document = stored.version, stored.version.document
    return (
        collection,
        version.id,
        document.source,
        document.title,
        json.dumps(document.metadata, ensure_ascii=False),
        version.checksum,
        zlib.compress(document.text.encode(), _FAST),
        stored.chunks,
        INDEXED,
        stored.title,
    )


def _document(row: tuple[str, str | None, str | None, str, bytes]) -> Document:
    name, source, title, metadata, text = row
    return Document(zlib.decompress(text).decode(), name, source, title, json.loads(metadata))


def _raise_version(rows: sqlite3.Connection, collection: str) -> None:
    rows.execute(
        "INSERT INTO collections VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET version = version + 1", (collection,)
    )
