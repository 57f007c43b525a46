"""rag eval, against a suite that finds what a test lays down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from aisuite.errors import NotRunning, StepFailed, UsageError
from aisuite.ops.rag_eval import (
    ALL,
    ANSWERABLE,
    METHODS,
    RERANKED,
    UNANSWERABLE,
    EvalReport,
    EvalRequest,
    EvalRow,
    evaluate,
)
from aisuite.ops.up import UpRequest, up
from tests.fakes.chat import FakeChat
from tests.fakes.probe import FakeProbe
from tests.fakes.stacks import phase2_stack
from tests.unit.ops.deps import World, make_world

RAG = "http://127.0.0.1:8002"
TEXTS = {"a.md": "The gate is green.", "b.md": "문은 아침에 열린다."}
QUESTIONS = [
    {"id": "1", "language": "en", "kind": "plain", "question": "colour?", "passages": {"a.md": "gate is green"}},
    {"id": "2", "language": "ko", "kind": "plain", "question": "언제?", "passages": {"b.md": "아침에 열린다"}},
    {"id": "3", "language": "ko", "kind": "unanswerable", "question": "누가?", "passages": {}},
]


class FakeSearch(FakeChat):
    """Finds the documents laid down for a question; by words it finds nothing."""

    def __init__(
        self, found: Mapping[str, list[str]], answer: str = "so [1]", skipped: Sequence[dict[str, str]] = ()
    ) -> None:
        counted = {"documents": 2, "chunks": 2, "unchanged": 0, "replaced": 0, "skipped": list(skipped)}
        super().__init__({f"{RAG}/upload": [counted]})
        self._found = found
        self.unsupported = ""
        self.reranked = 0
        self.reranker_is_down = False
        self._answer = answer

    def post(self, url: str, key: str, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        if url.endswith("/upload"):
            return super().post(url, key, body, timeout)
        documents = [] if body["method"] == "sparse" else self._found[body["query"]]
        if url.endswith("/query"):
            sources = [{"n": number, "document_id": one} for number, one in enumerate(documents, 1)]
            return {"answer": self._answer, "sources": sources}
        hits = [{"document_id": one, "text": TEXTS.get(one, "")} for one in documents]
        self.reranked += body["rerank"]
        supported = bool(hits) and body["judge"] and body["query"] != self.unsupported
        return {
            "hits": hits,
            "supported": supported,
            "reranked": not self.reranker_is_down if body["rerank"] else None,
        }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "documents").mkdir()
    for name, text in TEXTS.items():
        (tmp_path / "documents" / name).write_text(text, encoding="utf-8")
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, QUESTIONS)), encoding="utf-8")
    return tmp_path


def _world(chat: FakeChat) -> World:
    world = make_world(chat=chat)
    up(UpRequest(phase2_stack()), world.deps)
    probe = world.deps.probe
    assert isinstance(probe, FakeProbe)
    probe.tells[f"{RAG}/collections/eval"] = {"embedding_model": "hash-384"}
    return world


def _evaluate(folder: Path, chat: FakeChat, *, answers: bool = False) -> EvalReport:
    return evaluate(EvalRequest(folder, "eval", answers), _world(chat).deps, chat, lambda done, total: None)


def _row(report: EvalReport, method: str, language: str, kind: str) -> EvalRow:
    return next(row for row in report.rows if (row.method, row.language, row.kind) == (method, language, kind))


FOUND = {"colour?": ["a.md", "a.md", "b.md"], "언제?": ["a.md", "b.md"], "누가?": ["b.md"]}


def test_each_method_language_and_kind_has_a_row(folder: Path) -> None:
    report = _evaluate(folder, FakeSearch(FOUND))
    assert (report.documents, report.questions) == (2, 3)
    groups = [("en", "plain"), ("ko", "plain"), ("ko", UNANSWERABLE), ("en", ANSWERABLE), ("ko", ANSWERABLE)]
    groups += [(ALL, ANSWERABLE), (ALL, UNANSWERABLE)]
    assert [(row.method, row.language, row.kind) for row in report.rows] == [
        (method, *group) for method in METHODS for group in groups
    ]


def test_the_scores_are_those_of_what_was_found(folder: Path) -> None:
    report = _evaluate(folder, FakeSearch(FOUND))
    assert _row(report, "dense", "en", "plain").scores.recall_1 == 1
    assert _row(report, "dense", "ko", "plain").scores.recall_1 == 0
    assert _row(report, "dense", "ko", "plain").scores.mrr == 0.5
    assert _row(report, "dense", ALL, ANSWERABLE).scores.passages == 1
    assert _row(report, "dense", ALL, UNANSWERABLE).scores.refused == 0
    assert _row(report, "sparse", ALL, UNANSWERABLE).scores.refused == 1
    assert _row(report, "sparse", ALL, ANSWERABLE).scores.refused == 1


def test_what_the_suite_would_not_answer_is_refused_and_named(folder: Path) -> None:
    suite = FakeSearch(FOUND)
    suite.unsupported = "누가?"
    report = _evaluate(folder, suite)
    assert _row(report, "dense", ALL, UNANSWERABLE).scores.refused == 1
    assert _row(report, "dense", ALL, ANSWERABLE).scores.refused == 0
    assert report.refused == {"dense": ("3",), "sparse": ("1", "2", "3"), "hybrid": ("3",)}


def test_a_reranker_is_asked_in_rows_of_its_own_and_only_on_a_wish(folder: Path) -> None:
    suite = FakeSearch(FOUND)
    assert {row.method for row in _evaluate(folder, suite).rows} == set(METHODS)
    assert suite.reranked == 0
    report = evaluate(EvalRequest(folder, "eval", rerank=True), _world(suite).deps, suite, lambda done, total: None)
    assert {row.method for row in report.rows} == {*METHODS, RERANKED}
    assert suite.reranked == len(QUESTIONS)


def test_figures_of_a_reranker_that_is_down_are_not_made_up(folder: Path) -> None:
    suite = FakeSearch(FOUND)
    suite.reranker_is_down = True
    with pytest.raises(StepFailed, match="the reranker gave no answer to question 1"):
        evaluate(EvalRequest(folder, "eval", rerank=True), _world(suite).deps, suite, lambda done, total: None)


def test_no_answer_is_asked_for_without_a_wish(folder: Path) -> None:
    report = _evaluate(folder, FakeSearch(FOUND, answer="[1]"))
    assert {row.scores.cited for row in report.rows} == {None}


def test_answers_are_judged_by_what_they_cite(folder: Path) -> None:
    report = _evaluate(folder, FakeSearch(FOUND), answers=True)
    assert _row(report, "dense", "en", "plain").scores.citations == 1
    assert _row(report, "dense", "ko", "plain").scores.citations == 0
    assert _row(report, "dense", ALL, ANSWERABLE).scores.cited == 0.5


def test_a_collection_with_other_documents_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"also holds stray\.md") as caught:
        _evaluate(folder, FakeSearch({**FOUND, "언제?": ["stray.md"]}))
    assert caught.value.hint == "aisuite rag eval --collection eval-2"


def test_a_document_that_is_not_indexed_is_an_error(folder: Path) -> None:
    (folder / "documents" / "empty.md").write_text("")
    suite = FakeSearch(FOUND, skipped=[{"source": "empty.md", "reason": "empty"}])
    with pytest.raises(UsageError, match=r"empty\.md was not indexed: empty"):
        _evaluate(folder, suite)


def test_a_suite_that_is_down_is_said_so(folder: Path) -> None:
    chat = FakeSearch(FOUND)
    with pytest.raises(NotRunning):
        evaluate(EvalRequest(folder, "eval"), make_world(chat=chat).deps, chat, lambda done, total: None)
