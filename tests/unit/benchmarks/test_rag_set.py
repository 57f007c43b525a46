"""What benchmarks/rag says of itself is so."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from benchmarks.rag.content_words import shared_words
from benchmarks.rag.tables import BEGIN, put_in

from aisuite.ops.rag_set import EvalQuestion, load_eval_set

FOLDER = Path(__file__).parents[3] / "benchmarks" / "rag"
SET = load_eval_set(FOLDER)
DOCUMENTS = {
    path.relative_to(SET.documents).as_posix(): path.read_text(encoding="utf-8")
    for path in SET.documents.rglob("*")
    if path.is_file()
}
COUNTS = {"shares-words": 37, "paraphrase": 30, "two-documents": 20, "unanswerable": 20}


def _of_kind(kind: str) -> list[EvalQuestion]:
    return [question for question in SET.questions if question.kind == kind]


def _shared(question: EvalQuestion) -> set[str]:
    return shared_words(question.question, " ".join(question.passages.values()))


def test_half_of_the_documents_and_questions_are_korean() -> None:
    assert Counter(name.split("/")[0] for name in DOCUMENTS) == {"en": 30, "ko": 30}
    counted = Counter((question.language, question.kind) for question in SET.questions)
    assert counted == {(language, kind): count for language in ("en", "ko") for kind, count in COUNTS.items()}


def test_questions_are_in_the_language_that_they_claim() -> None:
    for question in SET.questions:
        hangul = any("가" <= character <= "힣" for character in question.question)
        assert hangul is (question.language == "ko"), question.id


def test_a_question_asks_for_documents_of_its_language() -> None:
    for question in SET.questions:
        assert all(document.startswith(f"{question.language}/") for document in question.passages), question.id


def test_every_passage_stands_in_its_document() -> None:
    for question in SET.questions:
        for document, passage in question.passages.items():
            assert passage in DOCUMENTS[document], question.id


def test_every_passage_stands_in_one_document_alone() -> None:
    for question in SET.questions:
        for passage in question.passages.values():
            assert sum(passage in text for text in DOCUMENTS.values()) == 1, question.id


def test_a_kind_says_how_many_documents_answer() -> None:
    for kind, documents in {"shares-words": 1, "paraphrase": 1, "two-documents": 2, "unanswerable": 0}.items():
        assert {len(question.passages) for question in _of_kind(kind)} == {documents}


def test_a_paraphrase_shares_no_content_word_with_its_passage() -> None:
    assert {question.id: shared for question in _of_kind("paraphrase") if (shared := _shared(question))} == {}


def test_most_paraphrases_share_no_content_word_with_the_whole_document() -> None:
    alone = [
        question.id
        for question in _of_kind("paraphrase")
        if not shared_words(question.question, DOCUMENTS[next(iter(question.passages))])
    ]
    assert len(alone) == 47


def test_a_question_that_shares_words_shares_at_least_two() -> None:
    assert [question.id for question in _of_kind("shares-words") if len(_shared(question)) < 2] == []


def test_no_question_is_asked_twice() -> None:
    assert len({question.question for question in SET.questions}) == len(SET.questions)


def test_every_document_answers_a_question() -> None:
    assert {document for question in SET.questions for document in question.passages} == set(DOCUMENTS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the certified copies", "a certificate"),
        ("Baking", "baked"),
        ("an offer", "two offers"),
        ("room 12", "12 rooms"),
        ("창고에서", "헛창고는"),
        ("물을", "물"),
        ("바다에서", "바다"),
        ("`send()` 함수", "send"),
    ],
)
def test_words_that_are_the_same_count_as_shared(one: str, other: str) -> None:
    assert shared_words(one, other)
    assert shared_words(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Where is the cat?", "Here is the dog."), ("어디에 있나요?", "여기에 있나요?"), ("배를", "밤을"), ("", "word")],
)
def test_words_without_content_do_not_count(one: str, other: str) -> None:
    assert shared_words(one, other) == set()


def test_each_embedding_model_has_figures_of_its_own_on_the_page() -> None:
    page = "one\n<!-- figures of hash-384 -->\nold\n<!-- end of figures -->\ntwo\n"
    with_another = put_in(page, "e5", "| 0.9 |\n")
    assert with_another.startswith(page)
    assert with_another.endswith("<!-- figures of e5 -->\n\n| 0.9 |\n\n<!-- end of figures -->\n")
    assert put_in(with_another, "e5", "| 0.9 |\n") == with_another
    assert put_in(page, "hash-384", "new\n") == (
        "one\n<!-- figures of hash-384 -->\n\nnew\n\n<!-- end of figures -->\ntwo\n"
    )
    assert BEGIN.format("hash-384") in (FOLDER / "README.md").read_text(encoding="utf-8")
