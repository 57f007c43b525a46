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
from aisuite.services.rag.sparse import encode_document
from aisuite.services.rag.store import Payload, Point, VectorStore, all_of, any_of

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
class _Version:
    """A document, and the names under which this version of it is stored."""

    id: str
    checksum: str
    document: Document


@dataclass(frozen=True)
class _Cut:
    """A chunk on its way to the store: `passage` is what is searched."""

    version: _Version
    number: int
    passage: str
    payload: Payload


class Indexer:
    """Store documents as chunks."""

    def __init__(self, store: VectorStore, embedder: Embedder, library: Library, rules: IndexRules) -> None:
        self._store = store
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
            card = await self._embedder.card()
            found = await self._store.find(name)
            exists = found is not None
            if found:
                check_model(found, card)
            while batch := await to_thread.run_sync(lambda: list(islice(documents, _DOCUMENTS_AT_ONCE))):
                for versions in _groups(self._select(batch, counts)):
                    if not exists:
                        await self._store.create(name, card.dim)
                        exists = True
                    await self._index_group(name, card, versions, counts)
        return counts

    def _select(self, batch: Iterable[Document | Skipped], counts: IndexCounts) -> list[_Version]:
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

    def _version(self, document: Document) -> _Version:
        checksum = content_checksum(
            self._rules.chunk_size,
            self._rules.chunk_overlap,
            document.source,
            document.title,
            document.metadata,
            document.text,
        )
        name = document.id or document_id(document.source, document.text)
        return _Version(name, checksum, document)

    async def _index_group(self, name: str, card: ModelCard, versions: Sequence[_Version], counts: IndexCounts) -> None:
        """Write what changed, then delete what it replaces: some version always answers."""
        known = await self._known_checksums(name, [version.id for version in versions])
        changed = [version for version in versions if known.get(version.id) != {version.checksum}]
        points: list[_Cut] = []
        for version in changed:
            points += await to_thread.run_sync(_cut, version, self._rules)
        for start in range(0, len(points), _CHUNKS_AT_ONCE):
            await self._write(name, card, points[start : start + _CHUNKS_AT_ONCE])
        await self._delete_others(name, changed)
        counts.documents += len(versions)
        counts.unchanged += len(versions) - len(changed)
        counts.replaced += sum(version.id in known for version in changed)
        counts.chunks += len(points)

    async def _known_checksums(self, name: str, documents: list[str]) -> dict[str, set[str]]:
        """Find the stored versions of documents: those whose first chunk is there, as it is written last."""
        known: dict[str, set[str]] = {}
        chosen = all_of(document_id=documents, chunk=0)
        for payload in await self._store.payloads(name, chosen, ["document_id", "checksum"]):
            known.setdefault(payload["document_id"], set()).add(payload["checksum"])
        return known

    async def _write(self, name: str, card: ModelCard, cuts: Sequence[_Cut]) -> None:
        vectors = await self._embedder.embed_passages([cut.passage for cut in cuts], card)
        points = [
            Point(
                id=point_id(name, cut.version.id, cut.version.checksum, cut.number),
                dense=vector,
                sparse=encode_document(cut.passage),
                payload=cut.payload | {"embedding_model": card.model},
            )
            for cut, vector in zip(cuts, vectors, strict=True)
        ]
        await self._store.upsert(name, points)

    async def _delete_others(self, name: str, versions: Sequence[_Version]) -> None:
        if not versions:
            return
        others = any_of(
            [
                all_of(document_id=version.id) | {"must_not": all_of(checksum=version.checksum)["must"]}
                for version in versions
            ]
        )
        if await self._store.count(name, others):  # a look is cheap, and a deletion is flushed to disk
            await self._store.delete(name, others)


def _groups(versions: Iterable[_Version]) -> Iterator[list[_Version]]:
    """Keep versions of one document apart, as each replaces the one before."""
    group: dict[str, _Version] = {}
    for version in versions:
        if version.id in group:
            yield list(group.values())
            group = {}
        group[version.id] = version
    if group:
        yield list(group.values())


def _cut(version: _Version, rules: IndexRules) -> list[_Cut]:
    """Cut a document, the last chunk first."""
    chunks = split_text(version.document.text, rules.chunk_size, rules.chunk_overlap)
    title = _title(version, chunks)
    cuts = [
        _Cut(version, number, _passage(title, chunk), _payload(version, title, number, len(chunks), chunk))
        for number, chunk in enumerate(chunks)
    ]
    return cuts[::-1]


def _title(version: _Version, chunks: Sequence[Chunk]) -> str:
    headings = (chunk.titles[0] for chunk in chunks if chunk.titles)
    return version.document.title or next(headings, None) or version.document.source or version.id


def _passage(title: str, chunk: Chunk) -> str:
    """Give the text that is searched: the chunk under its titles, which its own words may not repeat."""
    return f"{title_path(title, chunk.titles)[:_TITLE_CHARS]}\n{chunk.text}"


def title_path(title: str, titles: Sequence[str]) -> str:
    """Join a document's title and the headings of a chunk."""
    return " > ".join(titles if titles and titles[0] == title else [title, *titles])


def _payload(version: _Version, title: str, number: int, total: int, chunk: Chunk) -> Payload:
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
