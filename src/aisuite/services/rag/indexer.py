"""From documents to stored chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from anyio import from_thread, to_thread

from aisuite.services.rag.cuts import Cut, cut_documents
from aisuite.services.rag.database import Work
from aisuite.services.rag.documents import Document, Skipped
from aisuite.services.rag.embedder import Embedder, ModelCard
from aisuite.services.rag.fitting import Limit
from aisuite.services.rag.identity import content_checksum, document_id, point_id
from aisuite.services.rag.job_rows import Counts, save_progress
from aisuite.services.rag.library import Library, check_model
from aisuite.services.rag.measures import Measures
from aisuite.services.rag.records import MISSING, NOBODY, Known, Origin, Records, Stored, Version
from aisuite.services.rag.sparse import encode_document
from aisuite.services.rag.store import Point, VectorStore, all_of, any_of
from aisuite.services.rag.token_count import TokenCount
from aisuite.services.rag.write_gate import WriteGate

_CHUNKS_AT_ONCE = 128  # the store flushes once for each of them, and answers nobody meanwhile
_NEW = Known("", None)


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
    max_tokens: int | None
    exists: bool


@dataclass(frozen=True)
class Batch:
    """Some documents of a job, up to the `last` of those that wait in it, and whether they are from a folder."""

    job: str
    items: Sequence[Document | Skipped]
    last: int = 0
    from_folder: bool = False


@dataclass(frozen=True)
class _Ledger:
    """What is written down about a group of documents: for whom, the counts, and what belongs to them."""

    counts: Counts
    origin: Origin
    also: Work[None] | None = None

    def count(self, versions: Sequence[Version], stored: Sequence[Stored], known: Mapping[str, Known]) -> None:
        """Add a group up; a folder is read anew after a crash, and what has been counted is not counted again."""
        changed = {one.version.id for one in stored}
        same = [version.id for version in versions if version.id not in changed]
        new = [name for name in same if not self.origin.from_folder or known[name].job != self.origin.job]
        self.counts.documents += len(changed) + len(new)
        self.counts.unchanged += len(new)
        self.counts.replaced += sum(name in known for name in changed)
        self.counts.chunks += sum(one.chunks for one in stored)


class Indexer:
    """Store documents as rows and chunks."""

    def __init__(
        self,
        shelves: Shelves,
        model: tuple[Embedder, TokenCount],
        library: Library,
        rules: IndexRules,
        measures: Measures,
    ) -> None:
        self._store = shelves.store
        self._records = shelves.records
        self._gate = shelves.gate
        self._library = library
        self._embedder, self._tokens = model
        self._rules = rules
        self._measures = measures

    async def index(self, name: str, batch: Batch, counts: Counts) -> None:
        """Store the new and changed documents of a batch, and add them up; the first one makes the collection.

        Raises `ServiceError` 409 when the collection belongs to another embedding model or service.
        """
        skipped: list[Skipped] = []
        before = counts.model_copy()
        groups = list(_groups(self._select(batch.items, skipped)))
        progress = save_progress(batch.job, counts, batch.last, skipped)
        origin = Origin(batch.job, batch.from_folder)
        async with self._library.writing(name):
            if not groups:
                await self._records.put(name, [], also=progress)
            else:
                target = await self._open(name)
                for versions in groups:
                    also = progress if versions is groups[-1] else None
                    await self._index_group(target, versions, _Ledger(counts, origin, also))
        self._count(before, counts, len(skipped))

    def _count(self, before: Counts, now: Counts, skipped: int) -> None:
        unchanged = now.unchanged - before.unchanged
        results = {"indexed": now.documents - before.documents - unchanged, "unchanged": unchanged, "skipped": skipped}
        for result, number in results.items():
            self._measures.documents.labels(result).inc(number)

    async def restore(self, name: str, documents: Iterable[Document]) -> None:
        """Make the points of stored documents again. Raises as `index`."""
        async with self._library.writing(name):
            target = await self._open(name)
            versions = [self._version(document) for document in documents]
            await self._index_group(target, versions, _Ledger(Counts(), NOBODY))

    async def _open(self, name: str) -> _Target:
        card = await self._embedder.card()
        found = await self._store.find(name)
        if found:
            check_model(found, card)
        else:
            await self._records.mark_all(name, MISSING)  # whoever deleted the points left the rows
        return _Target(name, card, await self._tokens.limit(), exists=found is not None)

    def _select(self, items: Iterable[Document | Skipped], skipped: list[Skipped]) -> list[Version]:
        """Name the documents that can be stored, and put the others among the skipped."""
        versions = []
        for item in items:
            if isinstance(item, Skipped):
                skipped.append(item)
            elif reason := self._why_skipped(item):
                skipped.append(Skipped(item.source or item.id or "(a document without a source)", reason))
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
            document.text,
            self._rules.chunk_size,
            self._rules.chunk_overlap,
            document.source,
            document.title,
            document.metadata,
        )
        name = document.id or document_id(document.source, document.text)
        return Version(name, checksum, document)

    async def _index_group(self, target: _Target, versions: Sequence[Version], ledger: _Ledger) -> None:
        """Write what changed, then delete what it replaces: some version always answers."""
        known = await self._records.known(target.name, [version.id for version in versions])
        stale = [version for version in versions if known.get(version.id, _NEW).checksum != version.checksum]
        if stale and not target.exists:
            await self._store.create(target.name, target.card.dim)
            target.exists = True
        stored = await self._store_points(target, stale)
        ledger.count(versions, stored, known)
        seen = [version.id for version in versions if version not in stale] if ledger.origin.from_folder else []
        async with self._gate.writing():
            if stored:
                await self._delete_others(target.name, stale)
            await self._records.put(target.name, stored, seen, ledger.origin, ledger.also)

    async def _store_points(self, target: _Target, versions: Sequence[Version]) -> list[Stored]:
        stored: list[Stored] = []
        # Counted from the thread that cuts, which waits for the answer of this one.
        limit = Limit(target.max_tokens, lambda texts: from_thread.run(self._tokens.count, texts))
        cuts = cut_documents(versions, (self._rules.chunk_size, self._rules.chunk_overlap), limit, stored)
        storing: asyncio.Task[None] | None = None
        try:
            while batch := await self._cut_some(cuts):
                points = await self._embed(target, batch)
                if storing is not None:
                    await storing
                storing = asyncio.create_task(self._store_batch(target.name, points))  # while the next one is made
            if storing is not None:
                await storing
        except BaseException:
            if storing is not None:
                storing.cancel()
                await asyncio.gather(storing, return_exceptions=True)
            raise
        return stored

    async def _cut_some(self, cuts: Iterator[Cut]) -> list[Cut]:
        with self._measures.timed("cut"):
            return await to_thread.run_sync(lambda: list(islice(cuts, _CHUNKS_AT_ONCE)))

    async def _embed(self, target: _Target, cuts: Sequence[Cut]) -> list[Point]:
        with self._measures.timed("embed_passages"):
            vectors = await self._embedder.embed_passages([cut.passage for cut in cuts], target.card)
        return [
            Point(
                id=point_id(target.name, cut.version.id, cut.version.checksum, cut.number),
                dense=vector,
                sparse=encode_document(cut.titles, cut.payload["text"]),
                payload=cut.payload | {"embedding_model": target.card.model, "embedding_space": target.card.space},
            )
            for cut, vector in zip(cuts, vectors, strict=True)
        ]

    async def _store_batch(self, name: str, points: Sequence[Point]) -> None:
        async with self._gate.writing():
            with self._measures.timed("store"):
                await self._store.upsert(name, points)

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
