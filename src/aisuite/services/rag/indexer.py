"""From documents to stored chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from anyio import to_thread
from pydantic import BaseModel

from aisuite.services.rag.chunking import Chunk, split_text
from aisuite.services.rag.documents import Document, Skipped
from aisuite.services.rag.embedder import Embedder, ModelCard
from aisuite.services.rag.identity import content_checksum, document_id, point_id
from aisuite.services.rag.library import Library, check_model
from aisuite.services.rag.records import MISSING, Records, Stored, Version
from aisuite.services.rag.sparse import encode_document
from aisuite.services.rag.store import Payload, Point, VectorStore, all_of, any_of
from aisuite.services.rag.write_gate import WriteGate

_DOCUMENTS_AT_ONCE = 16
_CHUNKS_AT_ONCE = 64
_TITLE_CHARS = 300


class IndexCounts(BaseModel):
    """What became of the documents. `documents` counts all that are stored now, `chunks` those written."""

    collection: str
    documents: int = 0
    chunks: int = 0
    unchanged: int = 0
    replaced: int = 0
    skipped: list[Skipped] = []


@dataclass(frozen=True)
class IndexRules:
    """How documents are cut (in estimated tokens), and which are too large."""

    chunk_size: int
    chunk_overlap: int
    max_bytes: int


@dataclass(frozen=True)
class Shelves:
    """Where documents are stored: rows, points, and the gate before both."""

    records: Records
    store: VectorStore
    gate: WriteGate


@dataclass
class _Target:
    """A collection that is written to, with the model of its vectors."""

    name: str
    card: ModelCard
    exists: bool


@dataclass(frozen=True)
class _Cut:
    """A chunk on its way to the store: `passage` is what is searched."""

    version: Version
    number: int
    passage: str
    payload: Payload


class Indexer:
    """Store documents as rows and chunks."""

    def __init__(self, shelves: Shelves, embedder: Embedder, library: Library, rules: IndexRules) -> None:
        self._store = shelves.store
        self._records = shelves.records
        self._gate = shelves.gate
        self._library = library
        self._embedder = embedder
        self._rules = rules

    async def index(self, name: str, documents: Iterator[Document | Skipped]) -> IndexCounts:
        """Store new and changed documents; the collection is made with the first one.

        What is done stays done when a later document fails, and asking again costs nothing for it.
        Raises `ServiceError` 409 when the collection belongs to another embedding model or service.
        """
        counts = IndexCounts(collection=name)
        async with self._library.writing(name):
            target = await self._open(name)
            while batch := await to_thread.run_sync(lambda: list(islice(documents, _DOCUMENTS_AT_ONCE))):
                for versions in _groups(self._select(batch, counts)):
                    await self._index_group(target, versions, counts)
        return counts

    async def restore(self, name: str, documents: Iterable[Document]) -> None:
        """Make the points of stored documents again. Raises as `index`."""
        async with self._library.writing(name):
            target = await self._open(name)
            versions = [self._version(document) for document in documents]
            await self._index_group(target, versions, IndexCounts(collection=name))

    async def _open(self, name: str) -> _Target:
        card = await self._embedder.card()
        found = await self._store.find(name)
        if found:
            check_model(found, card)
        else:
            await self._records.mark_all(name, MISSING)  # whoever deleted the points left the rows
        return _Target(name, card, exists=found is not None)

    def _select(self, batch: Iterable[Document | Skipped], counts: IndexCounts) -> list[Version]:
        """Name the documents that can be stored, and count the others as skipped."""
        versions = []
        for item in batch:
            if isinstance(item, Skipped):
                counts.skipped.append(item)
            elif reason := self._why_skipped(item):
                counts.skipped.append(Skipped(item.source or item.id or "(a document without a source)", reason))
            else:
                versions.append(self._version(item))
        return versions

    def _why_skipped(self, document: Document) -> str | None:
        if not document.text.strip():
            return "empty"
        if len(document.text.encode()) > self._rules.max_bytes:
            return f"larger than RAG_MAX_DOCUMENT_BYTES={self._rules.max_bytes}"
        return None

    def _version(self, document: Document) -> Version:
        checksum = content_checksum(
            self._rules.chunk_size,
            self._rules.chunk_overlap,
            document.source,
            document.title,
            document.metadata,
            document.text,
        )
        name = document.id or document_id(document.source, document.text)
        return Version(name, checksum, document)

    async def _index_group(self, target: _Target, versions: Sequence[Version], counts: IndexCounts) -> None:
        """Write what changed, then delete what it replaces: some version always answers."""
        known = await self._records.checksums(target.name, [version.id for version in versions])
        changed = [version for version in versions if known.get(version.id) != version.checksum]
        if changed and not target.exists:
            await self._store.create(target.name, target.card.dim)
            target.exists = True
        stored: list[Stored] = []
        cuts = _cut_all(changed, self._rules, stored)
        while batch := await to_thread.run_sync(lambda: list(islice(cuts, _CHUNKS_AT_ONCE))):
            await self._write(target, batch)
        if stored:
            async with self._gate.writing():
                await self._delete_others(target.name, changed)
                await self._records.put(target.name, stored)
        counts.documents += len(versions)
        counts.unchanged += len(versions) - len(changed)
        counts.replaced += sum(version.id in known for version in changed)
        counts.chunks += sum(one.chunks for one in stored)

    async def _write(self, target: _Target, cuts: Sequence[_Cut]) -> None:
        vectors = await self._embedder.embed_passages([cut.passage for cut in cuts], target.card)
        points = [
            Point(
                id=point_id(target.name, cut.version.id, cut.version.checksum, cut.number),
                dense=vector,
                sparse=encode_document(cut.passage),
                payload=cut.payload | {"embedding_model": target.card.model},
            )
            for cut, vector in zip(cuts, vectors, strict=True)
        ]
        async with self._gate.writing():
            await self._store.upsert(target.name, points)

    async def _delete_others(self, name: str, versions: Sequence[Version]) -> None:
        others = any_of(
            [
                all_of(document_id=version.id) | {"must_not": all_of(checksum=version.checksum)["must"]}
                for version in versions
            ]
        )
        if await self._store.count(name, others):  # a look is cheap, and a deletion is flushed to disk
            await self._store.delete(name, others)


def _groups(versions: Iterable[Version]) -> Iterator[list[Version]]:
    """Keep versions of one document apart, as each replaces the one before."""
    group: dict[str, Version] = {}
    for version in versions:
        if version.id in group:
            yield list(group.values())
            group = {}
        group[version.id] = version
    if group:
        yield list(group.values())


def _cut_all(versions: Iterable[Version], rules: IndexRules, done: list[Stored]) -> Iterator[_Cut]:
    """Cut documents one after the other, and note each in `done` before its chunks are given."""
    for version in versions:
        chunks = split_text(version.document.text, rules.chunk_size, rules.chunk_overlap)
        title = _title(version, chunks)
        done.append(Stored(version, len(chunks), title))
        for number, chunk in enumerate(chunks):
            yield _Cut(version, number, _passage(title, chunk), _payload(version, title, number, len(chunks), chunk))


def _title(version: Version, chunks: Sequence[Chunk]) -> str:
    headings = (chunk.titles[0] for chunk in chunks if chunk.titles)
    return version.document.title or next(headings, None) or version.document.source or version.id


def _passage(title: str, chunk: Chunk) -> str:
    """Give the text that is searched: the chunk under its titles, which its own words may not repeat."""
    return f"{title_path(title, chunk.titles)[:_TITLE_CHARS]}\n{chunk.text}"


def title_path(title: str, titles: Sequence[str]) -> str:
    """Join a document's title and the headings of a chunk."""
    return " > ".join(titles if titles and titles[0] == title else [title, *titles])


def _payload(version: Version, title: str, number: int, total: int, chunk: Chunk) -> Payload:
    return {
        "document_id": version.id,
        "source": version.document.source,
        "title": title,
        "title_path": title_path(title, chunk.titles),
        "metadata": version.document.metadata,
        "checksum": version.checksum,
        "chunk": number,
        "chunks": total,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
    }
