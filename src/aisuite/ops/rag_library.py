"""`aisuite rag list` and `rm`: what has been indexed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.errors import UsageError
from aisuite.ops.rag_suite import collection_path, require_rag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.ops.rag_suite import RagSuite
    from aisuite.ports import Chat, Deps

_PAGE = 200


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """A collection in numbers; `model` None while it is empty."""

    name: str
    documents: int
    chunks: int
    model: str | None


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document that is indexed."""

    id: str
    source: str | None
    title: str
    chunks: int


@dataclass(frozen=True, slots=True)
class RemoveReport:
    """What is gone; `document` None: the whole collection."""

    collection: str
    document: str | None


def list_collections(deps: Deps, chat: Chat) -> tuple[CollectionRow, ...]:
    """Return all collections, by name. Raises NotRunning."""
    found = require_rag(deps, chat).collections()
    return tuple(
        CollectionRow(str(one["name"]), int(one["documents"]), int(one["chunks"]), one.get("embedding_model"))
        for one in found
    )


def list_documents(collection: str, deps: Deps, chat: Chat) -> tuple[DocumentRow, ...]:
    """Return the documents of a collection, by id. Raises UsageError, NotRunning."""
    rag = require_rag(deps, chat)
    return tuple(read_documents(rag, rag.choose_collection(collection)))


def read_documents(rag: RagSuite, collection: str) -> Iterator[DocumentRow]:
    """Yield the documents of a collection that exists. Raises NotRunning."""
    offset, total = 0, 1
    while offset < total:
        page = rag.read(f"{collection_path(collection)}/documents?offset={offset}&limit={_PAGE}")
        for one in page["documents"]:
            yield DocumentRow(str(one["document_id"]), one.get("source"), str(one["title"]), int(one["chunks"]))
        offset, total = offset + _PAGE, int(page["total"])


def remove(collection: str, document: str | None, deps: Deps, chat: Chat, *, everything: bool = False) -> RemoveReport:
    """Remove a document, or with `everything` the whole collection. Raises UsageError, NotRunning, StepFailed."""
    if (document is None) != everything:
        problem = "either a document or --all: it says that the whole collection is meant"
        raise UsageError(problem, f"aisuite rag list {collection}")
    rag = require_rag(deps, chat)
    rag.delete(collection_path(rag.choose_collection(collection), document))
    return RemoveReport(collection, document)
