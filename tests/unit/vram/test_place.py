"""Several cards: whole models first, on as few cards as can be; what fits nowhere goes where most is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from aisuite.vram.model import Budget, Card, Demand, Verdict
from aisuite.vram.place import neighbours_of, place, solve_cards
from aisuite.vram.pricing import Pricing
from tests.fakes.pricing import MIB, make_budget, make_demand, round_pricing

PRICING = round_pricing()


def cards(*totals: int) -> list[tuple[Budget, Pricing]]:
    return [
        (replace(make_budget(total, reserve=0), card=Card(f"card {at}", total * MIB, total * MIB, True, at)), PRICING)
        for at, total in enumerate(totals)
    ]


def test_two_models_that_fit_on_one_card_leave_the_other_free() -> None:
    assert place([make_demand("chat"), make_demand("code")], cards(3000, 3000)) == {"chat": 0, "code": 0}


def test_a_card_that_holds_all_is_taken_before_two_smaller_ones() -> None:
    assert place([make_demand("chat"), make_demand("code")], cards(1500, 1500, 3000)) == {"chat": 2, "code": 2}


def test_each_model_is_whole_where_that_needs_two_cards() -> None:
    plan = solve_cards([make_demand("chat"), make_demand("code", layers=20)], cards(1500, 3000), "chat-speed")
    assert [(share.model, share.card, share.why) for share in plan.shares] == [
        ("chat", 0, "all 11 layers"),
        ("code", 1, "all 21 layers"),
    ]
    assert plan.verdict is Verdict.FITS
    assert plan.reasons == ("cards in use: 2 of 2, each within its bounds",)
    assert plan.notes == ()


def test_what_fits_nowhere_whole_gets_layers_where_most_is_left() -> None:
    sites = cards(1500, 2000)
    plan = solve_cards([make_demand("code", layers=30), make_demand("chat")], sites, "chat-speed")
    assert [(share.model, share.card) for share in plan.shares] == [("code", 1), ("chat", 0)]
    assert plan.gpu_layers == {"code": 16, "chat": 999}
    assert plan.notes == ("no model is split between cards: what does not fit on its card stays in RAM",)
    assert [(one.model, one.gpu_layers, one.fits) for one in neighbours_of(plan, sites)] == [("code", 17, False)]


def test_a_model_stays_on_the_card_that_the_profile_names() -> None:
    demands = [make_demand("chat"), replace(make_demand("code"), card=1)]
    assert place(demands, cards(3000, 3000)) == {"chat": 1, "code": 1}
    assert place([replace(one, card=at) for at, one in enumerate(demands)], cards(3000, 3000)) == {"chat": 0, "code": 1}


def test_what_does_not_fit_says_on_which_card() -> None:
    plan = solve_cards([make_demand("chat", auto=False), make_demand("code")], cards(1000, 2000), "chat-speed")
    assert plan.verdict is Verdict.FITS
    tight = [make_demand(name, auto=False) for name in ("chat", "code", "more")]
    plan = solve_cards(tight, cards(1500, 1600), "chat-speed")
    assert plan.verdict is Verdict.NO
    assert plan.reasons[-1] == "card 1: together (2588 MiB) they would take 2588 MiB, above 90 % of the card (1440 MiB)"
    assert plan.remedy is not None


def test_ram_is_shared_by_all_cards() -> None:
    sites = [(replace(budget, host_free=700 * MIB), pricing) for budget, pricing in cards(1000, 1000)]
    plan = solve_cards([make_demand("chat"), make_demand("code")], sites, "chat-speed")
    assert [one.verdict for one in plan.cards] == [Verdict.FITS, Verdict.TIGHT]
    assert plan.verdict is Verdict.TIGHT


def test_one_card_is_planned_as_ever() -> None:
    plan = solve_cards([make_demand()], cards(3000), "chat-speed")
    assert (plan.cards, plan.by_card) == ((), (plan,))


@given(
    layers=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    totals=st.lists(st.integers(300, 5000), min_size=2, max_size=3),
)
def test_no_way_to_place_whole_models_needs_fewer_cards(layers: list[int], totals: list[int]) -> None:
    demands, sites = [make_demand(f"m{at}", count) for at, count in enumerate(layers)], cards(*totals)
    found = place(demands, sites)
    assert found == place(demands, sites)
    whole = [way for way in product(range(len(sites)), repeat=len(demands)) if _fits(demands, way, sites)]
    if whole:
        assert _fits(demands, [found[one.model] for one in demands], sites)
        assert len(set(found.values())) == min(len(set(way)) for way in whole)


def _fits(demands: list[Demand], way: Sequence[int], sites: list[tuple[Budget, Pricing]]) -> bool:
    used = [0] * len(sites)
    for demand, number in zip(demands, way, strict=True):
        used[number] += PRICING.device_bytes(demand.shape, demand.flags)
    return all(size <= budget.room for size, (budget, _) in zip(used, sites, strict=True))
