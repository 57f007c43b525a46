"""A slow model gets small requests, not time-outs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aisuite.services.rag.pace import Pace

TEXTS = [str(number) for number in range(200)]


def sizes(pace: Pace, seconds_for_text: float) -> list[int]:
    found = []
    for part in pace.parts(TEXTS):
        pace.learn(len(part), seconds_for_text * len(part))
        found.append(len(part))
    return found


def test_a_quick_model_soon_gets_whole_batches() -> None:
    assert sizes(Pace(), 0.001) == [1, 4, 16, 64, 115]


def test_a_model_that_takes_seconds_for_a_text_gets_a_few_at_a_time() -> None:
    assert set(sizes(Pace(), 2.5)[1:-1]) == {3}
    assert set(sizes(Pace(), 60)[1:]) == {1}


def test_what_was_slow_once_grows_again() -> None:
    pace = Pace()
    pace.learn(4, 100)
    assert sizes(pace, 0.01)[:4] == [1, 4, 16, 64]


@given(st.lists(st.tuples(st.integers(1, 64), st.floats(0, 1000)), max_size=20))
def test_the_parts_are_all_texts_in_their_order(answers: list[tuple[int, float]]) -> None:
    pace, found = Pace(), []
    told = iter(answers)
    for part in pace.parts(TEXTS):
        found += part
        if (one := next(told, None)) is not None:
            pace.learn(*one)
    assert found == TEXTS
