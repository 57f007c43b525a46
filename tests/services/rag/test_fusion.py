"""The laws of joined and diverse rankings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aisuite.services.rag.fusion import diversify, fuse

RANKING = st.lists(st.sampled_from("abcdefgh"), unique=True)
WEIGHTS = st.tuples(st.floats(0.1, 10), st.floats(0.1, 10))


@given(RANKING, RANKING, WEIGHTS)
def test_a_fused_ranking_holds_all_and_falls_and_is_the_same_every_time(
    one: list[str], other: list[str], weights: tuple[float, float]
) -> None:
    fused = fuse([one, other], weights)
    assert fused.keys() == {*one, *other}
    scores = list(fused.values())
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 + 1e-9 for score in scores)
    assert list(fuse([one, other], weights)) == list(fused)


def test_what_both_rankings_put_first_is_first_with_a_score_of_one() -> None:
    assert fuse([["a", "b"], ["a", "c"]], (1, 2)) == {"a": 1.0, "c": 4 / 9, "b": 2 / 9}


def test_equal_scores_are_ordered_by_name() -> None:
    assert list(fuse([["b"], ["a"]], (1, 1))) == ["a", "b"]


@given(RANKING, st.floats(0, 1), st.integers(0, 9))
def test_a_diverse_choice_begins_with_the_best_and_repeats_nothing(
    ranking: list[str], diversity: float, count: int
) -> None:
    scores = fuse([ranking], (1,))
    chosen = diversify(scores, {name: [1.0, float(ord(name))] for name in ranking}, diversity, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(ranking))
    assert diversity == 1 or chosen[:1] == ranking[:1][:count]


def test_a_copy_of_the_best_comes_last_where_diversity_is_wanted() -> None:
    vectors = {"a": [1.0, 0.0], "copy": [1.0, 0.0], "other": [0.0, 1.0]}
    scores = {"a": 1.0, "copy": 0.9, "other": 0.5}
    assert diversify(scores, vectors, 0.0, 3) == ["a", "copy", "other"]
    assert diversify(scores, vectors, 0.7, 3) == ["a", "other", "copy"]
