"""Reports about documents: what was indexed, what is there, what was found."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aisuite.cli.view.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.cli.output import Output
    from aisuite.ops.index import IndexReport
    from aisuite.ops.rag_library import CollectionRow, DocumentRow, RemoveReport
    from aisuite.ops.rag_search import SearchReport

_SHOWN = 160  # characters of a chunk


def index_json(report: IndexReport) -> dict[str, Any]:
    """Counts, and what was skipped."""
    skipped = [{"source": source, "reason": reason} for source, reason in report.skipped]
    return {**asdict(report), "skipped": skipped}


def index_text(report: IndexReport) -> str:
    """Counts in one line, then what was skipped and why."""
    removed = f", {report.removed} removed" if report.removed else ""
    lines = [
        f"{report.collection}: {report.documents} documents, {report.chunks} chunks "
        f"({report.unchanged} unchanged, {report.replaced} replaced{removed})"
    ]
    lines += [f"skipped {source}: {reason}" for source, reason in report.skipped]
    return "\n".join(lines)


def collections_json(rows: Sequence[CollectionRow]) -> dict[str, Any]:
    """Every collection in numbers."""
    return {"collections": [asdict(row) for row in rows], "documents": None}


def collections_text(rows: Sequence[CollectionRow], out: Output) -> str:
    """A table of collections."""
    if not rows:
        return "nothing is indexed yet: aisuite rag index docs --collection docs"
    cells = [(row.name, str(row.documents), str(row.chunks), row.model or "-") for row in rows]
    return table([("COLLECTION", "DOCUMENTS", "CHUNKS", "MODEL"), *cells], out)


def documents_json(collection: str, rows: Sequence[DocumentRow]) -> dict[str, Any]:
    """Every document of a collection."""
    return {"collection": collection, "documents": [asdict(row) for row in rows], "collections": None}


def documents_text(rows: Sequence[DocumentRow], out: Output) -> str:
    """A table of documents."""
    cells = [(row.id, str(row.chunks), row.title) for row in rows]
    return table([("DOCUMENT", "CHUNKS", "TITLE"), *cells], out)


def search_json(report: SearchReport) -> dict[str, Any]:
    """Every hit, whole."""
    return asdict(report)


def search_text(report: SearchReport) -> str:
    """Every hit with its place and its beginning."""
    if not report.hits:
        return f"nothing in {report.collection} answers that"
    lines = ["the reranker gave no answer: in the order of the search"] if report.reranked is False else []
    for number, hit in enumerate(report.hits, 1):
        title = f"  {hit.title}" if hit.title else ""
        lines += [f"[{number}] {hit.source or hit.document}{title}  ({hit.score:.3f})", f"    {_beginning(hit.text)}"]
    return "\n".join(lines)


def remove_json(report: RemoveReport) -> dict[str, Any]:
    """What is gone."""
    return asdict(report)


def remove_text(report: RemoveReport) -> str:
    """What is gone, in words."""
    what = "the whole collection" if report.document is None else report.document
    return f"{report.collection}: {what} is removed"


def _beginning(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…"
