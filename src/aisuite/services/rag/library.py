"""What is in the store: collections, their documents, and which embedding model they belong to."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence

from pydantic import BaseModel

from aisuite.services.common import ServiceError
from aisuite.services.rag.embedder import ModelCard
from aisuite.services.rag.measures import Measures
from aisuite.services.rag.records import DELETING, DocumentSummary, Records
from aisuite.services.rag.store import Collection, ForeignCollection, VectorStore, all_of
from aisuite.services.rag.write_gate import WriteGate

_DOCUMENTS_AT_ONCE = 100
_REMEMBERED_SECONDS = 5.0


class CollectionSummary(BaseModel):
    """A collection in numbers; `embedding_model` is None while it is empty."""

    name: str
    documents: int
    chunks: int
    embedding_model: str | None
    dim: int


class Library:
    """Look around in the store, and throw things away."""

    def __init__(self, store: VectorStore, records: Records, gate: WriteGate, measures: Measures) -> None:
        self._store = store
        self._records = records
        self._gate = gate
        self._measures = measures
        self._known: dict[str, tuple[float, Collection]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def writing(self, name: str) -> asyncio.Lock:
        """Give the lock of a collection: versions replace each other, so there is one writer at a time."""
        return self._locks[name]

    async def require(self, name: str) -> Collection:
        """Look a collection up. Raises `ServiceError` 404, or `ForeignCollection`."""
        collection = await self._store.find(name)
        if collection is None:
            message = f"no collection {name!r}; POST /index makes it with its first document"
            raise ServiceError(404, message, code="no_such_collection", param="collection")
        return collection

    async def recall(self, name: str) -> Collection:
        """Look a collection up as `require` does, or remember it: what it is made for hardly ever changes."""
        collection = self.remembered(name)
        if collection is None:
            collection = await self.require(name)
            if collection.model is not None:
                self._known[name] = (time.monotonic(), collection)
        return collection

    def remembered(self, name: str) -> Collection | None:
        """Give a collection that was looked up a moment ago."""
        asked, collection = self._known.get(name, (0.0, None))
        return collection if time.monotonic() - asked <= _REMEMBERED_SECONDS else None

    def forget(self, name: str) -> None:
        """Look a collection up anew the next time."""
        self._known.pop(name, None)

    async def summaries(self) -> list[CollectionSummary]:
        """Describe all collections of this service, by name."""
        found = []
        for name in await self._store.names():
            try:
                collection = await self._store.find(name)
            except ForeignCollection:
                continue
            if collection:
                found.append(await self._summarize(collection))
        return found

    async def summary(self, name: str) -> CollectionSummary:
        """Describe a collection. Raises as `require`."""
        return await self._summarize(await self.require(name))

    async def documents(self, name: str, offset: int, limit: int) -> tuple[list[DocumentSummary], int]:
        """List documents of a collection by id, and count all of them. Raises as `require`."""
        collection = await self.require(name)
        found, total = await self._records.page(name, offset, limit)
        if total or not collection.chunks:
            return found, total
        return await self._without_rows(name, offset, limit)

    async def remove_document(self, name: str, document: str) -> int:
        """Delete a document and count the chunks it had. Raises `ServiceError` 404."""
        async with self.writing(name):
            await self.require(name)
            chunks = await self._store.count(name, all_of(document_id=document))
            if not chunks and not await self._records.known(name, [document]):
                message = f"collection {name!r} has no document {document!r}"
                raise ServiceError(404, message, code="no_such_document", param="id")
            await self._delete(name, [document])
            return chunks

    async def finish_deletion(self, name: str, documents: Sequence[str]) -> None:
        """Delete documents, whatever is left of them."""
        async with self.writing(name):
            await self._delete(name, documents)

    async def remove_unseen(self, name: str, folder: str, job: str) -> int:
        """Delete the documents from below a folder whose files are gone, as a job has found; count them."""
        gone = await self._records.unseen(name, folder, job)
        for start in range(0, len(gone), _DOCUMENTS_AT_ONCE):
            await self.finish_deletion(name, gone[start : start + _DOCUMENTS_AT_ONCE])
        return len(gone)

    async def remove_collection(self, name: str) -> CollectionSummary:
        """Delete a collection and tell what it was. Raises as `require`."""
        async with self.writing(name):
            summary = await self.summary(name)
            async with self._gate.writing():
                await self._records.mark_all(name, DELETING)
                self.forget(name)
                await self._store.drop(name)
                await self._records.remove_all(name)
            return summary

    async def _delete(self, name: str, documents: Sequence[str]) -> None:
        async with self._gate.writing():
            await self._records.mark(name, documents, DELETING)
            if await self._store.find(name):
                await self._store.delete(name, all_of(document_id=list(documents)))
            await self._records.remove(name, documents)
        self._measures.documents.labels("removed").inc(len(documents))

    async def _without_rows(self, name: str, offset: int, limit: int) -> tuple[list[DocumentSummary], int]:
        """List the documents of a collection that was made before rows were kept."""
        firsts = await self._store.payloads(name, all_of(chunk=0), list(DocumentSummary.model_fields))
        found = sorted((DocumentSummary(**first) for first in firsts), key=lambda document: document.document_id)
        return found[offset : offset + limit], len(found)

    async def _summarize(self, collection: Collection) -> CollectionSummary:
        return CollectionSummary(
            name=collection.name,
            documents=await self._store.count(collection.name, all_of(chunk=0)),
            chunks=collection.chunks,
            embedding_model=collection.model,
            dim=collection.dim,
        )


def check_model(collection: Collection, card: ModelCard) -> None:
    """Refuse to mix vectors of two models, or of one used in two ways. Raises `ServiceError` 409."""
    same_space = None in (collection.space, card.space) or collection.space == card.space
    if collection.dim == card.dim and collection.model in (None, card.model) and same_space:
        return
    stored = collection.model or "another model"
    spaces = "" if same_space else f" (it stores {collection.space}, and is given {card.space})"
    raise ServiceError(
        409,
        f"collection {collection.name!r} holds vectors of {stored} with {collection.dim} numbers, and the embedding "
        f"service runs {card.model} with {card.dim}{spaces}; run {stored} again (EMBEDDING_MODEL), or "
        f"DELETE /collections/{collection.name} and index its documents anew",
        code="embedding_model_mismatch",
        param="collection",
    )
