"""A restored collection answers known queries as an exact search of it does."""

from hypothesis import given
from hypothesis import strategies as st

from aisuite.bundle.known_queries import HITS, QUERIES, Hit, choose_queries, share_found

EXACT = {"7": tuple(Hit(str(n), 1.0 - n / 100) for n in range(HITS))}


@given(st.sets(st.integers(0, 10**6).map(str), max_size=300))
def test_queries_are_few_and_of_points_that_are_there(points: set[str]) -> None:
    chosen = choose_queries(sorted(points))

    assert set(chosen) <= points
    assert len(set(chosen)) == len(chosen) <= QUERIES
    assert bool(chosen) == bool(points)


def test_the_same_hits_in_another_order_are_all_found() -> None:
    assert share_found({"7": EXACT["7"][::-1]}, EXACT) == 1.0


def test_a_hit_that_is_missed_is_counted() -> None:
    worse = (*EXACT["7"][1:], Hit("far", 0.1))

    assert share_found({"7": worse}, EXACT) == 1 - 1 / HITS


def test_a_search_that_finds_nothing_finds_no_share() -> None:
    assert share_found({"7": ()}, EXACT) == 0.0
    assert share_found({}, EXACT) == 0.0


def test_points_with_the_same_vector_may_stand_for_one_another() -> None:
    exact = {"7": tuple(Hit(f"a{n}", 1.0) for n in range(HITS))}

    assert share_found({"7": tuple(Hit(f"b{n}", 1.0) for n in range(HITS))}, exact) == 1.0


def test_an_empty_collection_has_nothing_to_find() -> None:
    assert share_found({}, {}) == 1.0
