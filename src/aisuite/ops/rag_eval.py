"""`aisuite rag eval`: how well the running suite finds what questions with known answers ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aisuite.errors import StepFailed, UsageError
from aisuite.ops.index import IndexRequest, index
from aisuite.ops.rag_metrics import Outcome, Scores, judge_citations, summarize
from aisuite.ops.rag_set import load_eval_set
from aisuite.ops.rag_suite import collection_path, require_rag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from aisuite.ops.rag_set import EvalQuestion, EvalSet
    from aisuite.ops.rag_suite import RagSuite
    from aisuite.ports import Chat, Deps

METHODS = ("dense", "sparse", "hybrid")
RERANKED = "hybrid+rerank"
ALL = "all"
ANSWERABLE = "answerable"
UNANSWERABLE = "unanswerable"
_TOPK = 20  # chunks, of which ten documents are ranked; a document may have several
_FIRST_CHUNKS = 5
_TIMEOUT = 180.0  # seconds without a sign of life


@dataclass(frozen=True, slots=True)
class EvalRequest:
    """Which set to ask, into which collection it goes, and whether models answer and a reranker judges, too."""

    folder: Path
    collection: str
    answers: bool = False
    rerank: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """The ways to search, each of which all questions are asked by."""
        return (*METHODS, RERANKED) if self.rerank else METHODS


@dataclass(frozen=True, slots=True)
class EvalRow:
    """The scores of the questions of one language and kind with one method."""

    method: str
    language: str
    kind: str
    scores: Scores


@dataclass(frozen=True, slots=True)
class EvalReport:
    """What was asked, a row for each method, language and kind, and the ids of refused questions by method.

    `model` is the embedding model of the collection.
    """

    folder: str
    collection: str
    documents: int
    questions: int
    rows: tuple[EvalRow, ...]
    refused: dict[str, tuple[str, ...]] = field(default_factory=dict)
    model: str | None = None


def evaluate(request: EvalRequest, deps: Deps, chat: Chat, progress: Callable[[int, int], None]) -> EvalReport:
    """Index a set, ask each of its questions by each method, and sum up what was found.

    `progress` is told documents, then questions: done and in all. Raises UsageError, NotRunning, StepFailed.
    """
    eval_set = load_eval_set(request.folder)
    rag = require_rag(deps, chat)
    indexed = index(IndexRequest(eval_set.documents, request.collection), deps, chat, progress)
    if indexed.skipped:
        source, reason = indexed.skipped[0]
        raise UsageError(f"{eval_set.documents / source} was not indexed: {reason}", f"ls {eval_set.documents}")
    model = rag.read(collection_path(request.collection)).get("embedding_model")
    suite = _Suite(rag, request, eval_set)
    outcomes = _ask_all(suite, request.methods, eval_set.questions, progress)
    return EvalReport(
        folder=str(request.folder),
        collection=request.collection,
        documents=indexed.documents,
        questions=len(eval_set.questions),
        rows=tuple(row for method, found in outcomes.items() for row in _sum_up(method, eval_set.questions, found)),
        refused={method: _name_refused(eval_set.questions, found) for method, found in outcomes.items()},
        model=model,
    )


def _ask_all(
    suite: _Suite, methods: Sequence[str], questions: Sequence[EvalQuestion], progress: Callable[[int, int], None]
) -> dict[str, list[Outcome]]:
    outcomes: dict[str, list[Outcome]] = {method: [] for method in methods}
    asked = [(method, question) for method in methods for question in questions]
    for done, (method, question) in enumerate(asked):
        progress(done, len(asked))
        outcomes[method].append(suite.ask(question, method))
    progress(len(asked), len(asked))
    return outcomes


def _name_refused(questions: Sequence[EvalQuestion], outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    return tuple(question.id for question, outcome in zip(questions, outcomes, strict=True) if outcome.refused)


class _Suite:
    """The RAG service, asked the questions of a set."""

    def __init__(self, rag: RagSuite, request: EvalRequest, eval_set: EvalSet) -> None:
        self._rag = rag
        self._request = request
        self._eval_set = eval_set

    def ask(self, question: EvalQuestion, method: str) -> Outcome:
        how = _how(method)
        found = self._post("/retrieve", question, {"topk": _TOPK, "judge": True, **how})
        hits = found["hits"]
        if found.get("reranked") is False:
            raise StepFailed(
                f"the reranker gave no answer to question {question.id}, so a row {RERANKED} would be a row hybrid",
                "aisuite status",
            )
        for hit in hits:
            if not (self._eval_set.documents / hit["document_id"]).is_file():
                name = self._request.collection
                raise UsageError(
                    f"the collection {name} also holds {hit['document_id']}, which is not of this set",
                    f"aisuite rag eval --collection {name}-2",
                )
        return Outcome(
            expected=frozenset(question.passages),
            ranked=tuple(dict.fromkeys(hit["document_id"] for hit in hits)),
            passages=_share_of_passages(question, hits[:_FIRST_CHUNKS]),
            citations=self._cite(question, how) if self._request.answers else None,
            refused=not found["supported"],
        )

    def _cite(self, question: EvalQuestion, how: dict[str, Any]) -> tuple[bool, ...]:
        answer = self._post("/query", question, how)
        sources = {int(source["n"]): str(source["document_id"]) for source in answer["sources"]}
        return judge_citations(answer["answer"], sources, question.passages)

    def _post(self, path: str, question: EvalQuestion, more: dict[str, Any]) -> dict[str, Any]:
        body = {"query": question.question, "collection": self._request.collection, **more}
        return self._rag.post(path, body, _TIMEOUT)


def _how(method: str) -> dict[str, Any]:
    return {"method": method.partition("+")[0], "rerank": method == RERANKED}


def _share_of_passages(question: EvalQuestion, hits: Sequence[dict[str, Any]]) -> float:
    """Return how many of the key passages the model would see; none counts as none."""
    seen = [
        any(hit["document_id"] == document and passage in hit["text"] for hit in hits)
        for document, passage in question.passages.items()
    ]
    return sum(seen) / len(seen) if seen else 0.0


def _sum_up(method: str, questions: Sequence[EvalQuestion], outcomes: Sequence[Outcome]) -> Iterator[EvalRow]:
    """Yield a row for each language and kind, then the sums over kinds and over languages."""
    asked = list(zip(questions, outcomes, strict=True))
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for question, outcome in asked:
        groups.setdefault((question.language, question.kind), []).append(outcome)
    for question, outcome in asked:
        if question.passages:
            groups.setdefault((question.language, ANSWERABLE), []).append(outcome)
    for question, outcome in asked:
        groups.setdefault((ALL, ANSWERABLE if question.passages else UNANSWERABLE), []).append(outcome)
    for (language, kind), members in groups.items():
        yield EvalRow(method, language, kind, summarize(members))
