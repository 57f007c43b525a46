"""What is in the store: collections, their documents, and which embedding model they belong to."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from pydantic import BaseModel

from aisuite.services.common import ServiceError
from aisuite.services.rag.embedder import ModelCard
from aisuite.services.rag.store import Collection, ForeignCollection, VectorStore, all_of


class CollectionSummary(BaseModel):
    """A collection in numbers; `embedding_model` is None while it is empty."""

    name: str
    documents: int
    chunks: int
    embedding_model: str | None
    dim: int


class DocumentSummary(BaseModel):
    """A stored document."""

    document_id: str
    source: str | None
    title: str
    chunks: int
    checksum: str


class Library:
    """Look around in the store, and throw things away."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store
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

    async def documents(self, name: str) -> list[DocumentSummary]:
        """List the documents of a collection by id. Raises as `require`."""
        await self.require(name)
        fields = list(DocumentSummary.model_fields)
        firsts = await self._store.payloads(name, all_of(chunk=0), fields)
        return sorted((DocumentSummary(**first) for first in firsts), key=lambda document: document.document_id)

    async def remove_document(self, name: str, document: str) -> int:
        """Delete a document and count the chunks it had. Raises `ServiceError` 404."""
        async with self.writing(name):
            await self.require(name)
            chosen = all_of(document_id=document)
            chunks = await self._store.count(name, chosen)
            if not chunks:
                message = f"collection {name!r} has no document {document!r}"
                raise ServiceError(404, message, code="no_such_document", param="id")
            await self._store.delete(name, chosen)
            return chunks

    async def remove_collection(self, name: str) -> CollectionSummary:
        """Delete a collection and tell what it was. Raises as `require`."""
        async with self.writing(name):
            summary = await self.summary(name)
            await self._store.drop(name)
            return summary

    async def _summarize(self, collection: Collection) -> CollectionSummary:
        return CollectionSummary(
            name=collection.name,
            documents=await self._store.count(collection.name, all_of(chunk=0)),
            chunks=collection.chunks,
            embedding_model=collection.model,
            dim=collection.dim,
        )


def check_model(collection: Collection, card: ModelCard) -> None:
    """Refuse to mix vectors of two models. Raises `ServiceError` 409."""
    if collection.dim == card.dim and collection.model in (None, card.model):
        return
    stored = collection.model or "another model"
    raise ServiceError(
        409,
        f"collection {collection.name!r} holds vectors of {stored} with {collection.dim} numbers, and the embedding "
        f"service runs {card.model} with {card.dim}; run {stored} again (EMBEDDING_MODEL), or "
        f"DELETE /collections/{collection.name} and index its documents anew",
        code="embedding_model_mismatch",
        param="collection",
    )
