"""The picture of an experiment is well-formed, small, and shows what happened."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from aisuite.drill.model import Moments
from aisuite.drill.timeline import draw_timeline
from tests.unit.drill.requests import FIRST, SECOND, bad, good

SVG = "{http://www.w3.org/2000/svg}"
MOMENTS = Moments(fault=10.0, unhealthy=10.2, healthy=14.0, end=30.0)


def texts(svg: str) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def colors(svg: str) -> list[str]:
    return [one.get("fill", "") for one in ElementTree.fromstring(svg).iter(f"{SVG}rect") if one.get("y") != "7"]


def test_it_names_its_fault_and_its_moments() -> None:
    found = texts(draw_timeline("kill <1>", [good(0.0)], MOMENTS))
    assert found[0] == "kill <1>"
    assert "fault 10.0 s" in found
    assert "healthy 14.0 s" in found
    assert not any(words.startswith("undone") for words in found)


def test_answers_of_the_first_choice_of_others_and_failures_look_different() -> None:
    before = [good(0.0), good(1.0), good(1.0, server=SECOND)]
    one, other, failed = (
        colors(draw_timeline("", [*before, request], MOMENTS))[-1]
        for request in (good(12.0), good(12.0, server=SECOND), bad(12.0))
    )
    assert len({one, other, failed}) == 3


def test_an_experiment_without_requests_is_drawn_too() -> None:
    assert "fault 0.0 s" in texts(draw_timeline("none", [], Moments(fault=0.0)))


def test_it_stays_small_however_much_there_was() -> None:
    requests = [good(number * 0.5, server=(FIRST, SECOND)[number % 2]) for number in range(20_000)]
    assert len(draw_timeline("long", requests, MOMENTS)) < 100_000


@given(
    st.lists(
        st.tuples(st.floats(-5, 1e5, allow_nan=False), st.floats(0, 1e4, allow_nan=False), st.booleans()), max_size=20
    ),
    st.floats(0, 1e5),
)
def test_whatever_happened_it_is_well_formed_and_inside_its_frame(
    told: list[tuple[float, float, bool]], fault: float
) -> None:
    requests = [good(start, took) if fine else bad(start, took) for start, took, fine in told]
    root = ElementTree.fromstring(draw_timeline("any", requests, Moments(fault=fault, end=fault)))
    for rect in root.iter(f"{SVG}rect"):
        assert 0 <= float(rect.get("x", "0")) <= 900
        assert 0 <= float(rect.get("y", "0")) <= 260
