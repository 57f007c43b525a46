"""`aisuite rag search`: what would be read for a question, without an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from aisuite.errors import UsageError
from aisuite.ops.rag_suite import require_rag

if TYPE_CHECKING:
    from aisuite.ports import Chat, Deps

Method = Literal["dense", "sparse", "hybrid"]
_METHODS: tuple[Method, ...] = ("dense", "sparse", "hybrid")


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is looked for; `collection` None means the only one, `topk` None what the profile says."""

    query: str
    collection: str | None = None
    topk: int | None = None
    method: Method = "hybrid"


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found; scores are comparable within one search only."""

    score: float
    document: str
    source: str | None
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class SearchReport:
    """What was found, best first. `reranked` False: the reranker did not answer; None: it was not asked."""

    collection: str
    method: Method
    hits: tuple[Hit, ...]
    reranked: bool | None = None


def find_method(word: str) -> Method:
    """Return the method of that name. Raises UsageError."""
    for method in _METHODS:
        if method == word:
            return method
    raise UsageError(
        f"there is no method {word!r}; there are {', '.join(_METHODS)}", "aisuite rag search --method hybrid"
    )


def search(request: SearchRequest, deps: Deps, chat: Chat) -> SearchReport:
    """Search a collection. Raises UsageError, NotRunning, StepFailed."""
    if not request.query.strip():
        raise UsageError("there is nothing to look for", 'aisuite rag search "how to restore"')
    rag = require_rag(deps, chat)
    collection = rag.choose_collection(request.collection)
    body: dict[str, Any] = {"query": request.query, "collection": collection, "method": request.method}
    if request.topk is not None:
        body["topk"] = request.topk
    answer = rag.post("/retrieve", body)
    hits = tuple(
        Hit(
            score=float(one["score"]),
            document=str(one["document_id"]),
            source=one.get("source"),
            title=str(one.get("title") or ""),
            text=str(one["text"]),
        )
        for one in answer["hits"]
    )
    return SearchReport(collection, request.method, hits, answer.get("reranked"))
