"""The figures of a search, against values worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.ops.rag_metrics import Outcome, judge_citations, ndcg, recall, reciprocal_rank, summarize

DOCUMENTS = st.sampled_from("abcdefghijklmnop")
RANKED = st.lists(DOCUMENTS, unique=True, max_size=16)
EXPECTED = st.frozensets(DOCUMENTS, min_size=1, max_size=4)


def _outcome(
    expected: str, ranked: str, *, passages: float = 0.0, citations: tuple[bool, ...] | None = None
) -> Outcome:
    return Outcome(frozenset(expected), tuple(ranked), passages, citations, refused=not ranked)


@pytest.mark.parametrize(
    ("expected", "ranked", "at_1", "at_5"),
    [("a", "abc", 1, 1), ("a", "bcdea", 0, 1), ("a", "bcdefa", 0, 0), ("ab", "axb", 0.5, 1), ("ab", "", 0, 0)],
)
def test_recall_is_the_share_of_expected_documents(expected: str, ranked: str, at_1: float, at_5: float) -> None:
    assert recall(expected, ranked, 1) == at_1
    assert recall(expected, ranked, 5) == at_5


@pytest.mark.parametrize(("expected", "ranked", "value"), [("a", "ba", 0.5), ("ab", "xxb", 1 / 3), ("a", "xyz", 0)])
def test_reciprocal_rank_looks_at_the_first_right_document(expected: str, ranked: str, value: float) -> None:
    assert reciprocal_rank(expected, ranked) == pytest.approx(value)


def test_ndcg_discounts_by_the_logarithm_of_the_rank() -> None:
    assert ndcg("a", "ba") == pytest.approx(1 / math.log2(3))
    assert ndcg("ab", "axb") == pytest.approx((1 + 1 / 2) / (1 + 1 / math.log2(3)))


def test_ndcg_does_not_look_beyond_its_depth() -> None:
    assert ndcg("z", "abcdefghijz") == 0
    assert ndcg("z", "abcdefghiz") > 0


@given(EXPECTED, RANKED)
def test_every_figure_lies_between_0_and_1(expected: frozenset[str], ranked: list[str]) -> None:
    for figure in (recall(expected, ranked, 5), reciprocal_rank(expected, ranked), ndcg(expected, ranked)):
        assert 0 <= figure <= 1


@given(EXPECTED, RANKED)
def test_the_best_order_has_every_figure_1(expected: frozenset[str], ranked: list[str]) -> None:
    best = [*sorted(expected), *(one for one in ranked if one not in expected)]
    assert recall(expected, best, 5) == reciprocal_rank(expected, best) == 1
    assert ndcg(expected, best) == pytest.approx(1)


@given(EXPECTED, RANKED)
def test_moving_a_right_document_up_never_lowers_a_figure(expected: frozenset[str], ranked: list[str]) -> None:
    for at in range(1, len(ranked)):
        if ranked[at] in expected and ranked[at - 1] not in expected:
            better = [*ranked[: at - 1], ranked[at], ranked[at - 1], *ranked[at + 1 :]]
            assert ndcg(expected, better) >= ndcg(expected, ranked)
            assert reciprocal_rank(expected, better) >= reciprocal_rank(expected, ranked)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("It is so [1].", (True,)),
        ("so [1][2]", (True, False)),
        ("so [1, 2]", (True, False)),
        ("so [1], and again [1]", (True,)),
        ("from a source that nobody gave [7]", (False,)),
        ("no number", ()),
        ("list[i] and [x]", ()),
    ],
)
def test_a_citation_is_right_if_its_source_is_an_expected_document(answer: str, right: tuple[bool, ...]) -> None:
    assert judge_citations(answer, {1: "a", 2: "b"}, {"a"}) == right


def test_means_are_taken_over_questions_that_have_an_answer() -> None:
    scores = summarize([_outcome("a", "a", passages=1), _outcome("a", "ba"), _outcome("", "c"), _outcome("", "")])
    assert (scores.questions, scores.recall_1, scores.recall_5, scores.mrr) == (4, 0.5, 1, 0.75)
    assert scores.passages == 0.5
    assert scores.refused == 0.25


def test_questions_without_an_answer_have_no_recall() -> None:
    scores = summarize([_outcome("", "c"), _outcome("", "")])
    assert (scores.recall_1, scores.mrr, scores.ndcg_10, scores.cited) == (None, None, None, None)
    assert scores.refused == 0.5


def test_an_answer_without_citations_is_not_cited_and_spoils_no_citation() -> None:
    scores = summarize([_outcome("a", "a", citations=(True, False)), _outcome("a", "a", citations=())])
    assert (scores.cited, scores.citations) == (0.5, 0.5)
    assert summarize([_outcome("a", "a", citations=())]).citations is None
