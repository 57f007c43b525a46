"""Plans as slices, sweeps and pictures."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from aisuite.vram.model import Card, VramPlan
from aisuite.vram.place import solve_cards
from aisuite.vram.plot import plan_svg
from aisuite.vram.slices import Kind, slices_of
from aisuite.vram.solve import solve
from aisuite.vram.sweep import sweeps
from tests.fakes.pricing import MIB, make_budget, make_demand, round_pricing

PRICING = round_pricing()
SVG = "{http://www.w3.org/2000/svg}"


def planned(total: int = 2400, free: int | None = None, *names: str, auto: bool = True) -> VramPlan:
    demands = [make_demand(name, auto=auto) for name in names or ("chat", "code")]
    return solve(demands, make_budget(total, free), PRICING)


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def test_a_card_is_cut_into_others_each_servers_parts_reserve_and_what_is_free() -> None:
    found = [(one.kind, one.model, one.bytes // MIB) for one in slices_of(planned(2400, 2200, "chat"))]
    assert found == [
        (Kind.OTHERS, None, 200),
        (Kind.WEIGHTS, "chat", 1100),
        (Kind.KV, "chat", 64),
        (Kind.COMPUTE, "chat", 30),
        (Kind.CONTEXT, "chat", 100),
        (Kind.RESERVE, None, 200),
        (Kind.FREE, None, 706),
    ]


@given(total=st.integers(100, 8000), taken=st.integers(0, 8000), auto=st.booleans())
def test_slices_are_the_whole_card_or_what_does_not_fit_on_it(total: int, taken: int, auto: bool) -> None:
    plan = planned(total, max(0, total - taken), auto=auto)
    card = plan.budget.card
    slices = slices_of(plan)
    assert all(one.bytes > 0 for one in slices)
    assert sum(one.bytes for one in slices) == max(card.total, card.total - card.free + plan.used)


def test_a_sweep_passes_through_the_plan() -> None:
    plan = planned()
    for share, sweep in zip(plan.shares, sweeps(plan, PRICING), strict=True):
        assert sweep.model == share.model
        assert sweep.curves[0].context == share.flags.context
        assert sweep.curves[0].used[sweep.gpu_layers] == sweep.used == plan.used
        assert all(len(curve.used) == share.shape.layers + 2 for curve in sweep.curves)


def test_a_sweep_goes_no_further_than_the_model_was_trained() -> None:
    (sweep, _) = sweeps(planned(), PRICING)
    assert [curve.context for curve in sweep.curves] == [1024, 4096]


def test_the_picture_names_every_server_part_bound_and_context() -> None:
    plan = planned(2400, 2200)
    words = texts(plan_svg(plan, sweeps(plan, PRICING)))
    for expected in (
        "chat, 11/11 layers",
        "weights 1100",
        "others' use 200",
        "models: at most 2160 MiB",
        "context 4096",
    ):
        assert expected in words
    assert f"a card, 2400 MiB: {plan.verdict.name}" in words


def test_the_bar_of_the_picture_is_as_wide_as_its_slices_together() -> None:
    for plan in (planned(), planned(1000, auto=False)):
        elements = ElementTree.fromstring(plan_svg(plan)).iter(f"{SVG}rect")
        widths = [float(one.attrib["width"]) for one in elements if one.attrib["height"] == "56.0"]
        assert len(widths) == len(slices_of(plan))
        assert abs(sum(widths) - 880) < 0.1 * len(widths)


def test_a_plan_that_does_not_fit_shows_where_the_card_ends() -> None:
    assert "the card ends" in texts(plan_svg(planned(1000, auto=False)))
    assert "the card ends" not in texts(plan_svg(planned(8000)))


@given(st.text(max_size=40))
def test_names_of_all_kinds_leave_the_picture_whole(name: str) -> None:
    plan = planned(2400, None, "<b>&\"'")
    plan = replace(plan, budget=replace(plan.budget, card=Card(name, 2400 * MIB, 2400 * MIB, here=False)))
    words = texts(plan_svg(plan, sweeps(plan, PRICING)))
    assert "<b>&\"', 11/11 layers" in words


@given(total=st.integers(100, 8000), auto=st.booleans())
def test_all_of_a_panel_lies_in_the_picture(total: int, auto: bool) -> None:
    plan = planned(total, auto=auto)
    picture = ElementTree.fromstring(plan_svg(plan, sweeps(plan, PRICING)))
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    for line in picture.iter(f"{SVG}polyline"):
        for pair in line.attrib["points"].split():
            x, y = (float(place) for place in pair.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height
    for dot in picture.iter(f"{SVG}circle"):
        assert 0 <= float(dot.attrib["cy"]) <= height


def test_every_card_has_its_bar() -> None:
    first = make_budget(1700)
    second = replace(make_budget(3000), card=Card("another card", 3000 * MIB, 3000 * MIB, here=True, index=1))
    demands = [make_demand("chat"), make_demand("code", 20)]
    plan = solve_cards(demands, [(first, PRICING), (second, PRICING)], "chat-speed")
    words = texts(plan_svg(plan, [one for own in plan.cards for one in sweeps(own, PRICING)]))
    assert [one for one in words if one.endswith("MiB: FITS")] == [
        "card 0, a card, 1700 MiB: FITS",
        "card 1, another card, 3000 MiB: FITS",
    ]
    assert {"chat, 11/11 layers", "code, 21/21 layers"} <= set(words)
