"""Which card each model goes to, where there are several: whole models first, on as few cards as can be."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from aisuite.vram.model import Verdict, VramPlan
from aisuite.vram.solve import Neighbour, neighbours, solve
from aisuite.vram.words import host_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aisuite.vram.model import Budget, Demand, Prefer
    from aisuite.vram.pricing import Pricing

    Site = tuple[Budget, Pricing]  # one card, and what servers cost on it

_NOT_SPLIT = "no model is split between cards: what does not fit on its card stays in RAM"


def solve_cards(demands: Sequence[Demand], sites: Sequence[Site], prefer: Prefer) -> VramPlan:
    """Return one plan for all cards; with a single card it is the plan of that card.

    A model for which no card has room goes to the card with the most left, with as many layers as fit there.
    """
    if len(sites) == 1:
        return _solved(demands, *sites[0], prefer)
    places = place(demands, sites)
    plans: list[VramPlan] = []
    ram = sites[0][0].host_free
    for number, (budget, pricing) in enumerate(sites):
        own = [demand for demand in demands if places[demand.model] == number]
        plan = _solved(own, replace(budget, host_free=ram), pricing, prefer)
        ram = None if ram is None else max(0, ram - host_bytes(plan.shares))
        plans.append(plan)
    return _together(plans, [demand.model for demand in demands])


def place(demands: Sequence[Demand], sites: Sequence[Site]) -> dict[str, int]:
    """Return the number of each model's site. The same question has the same answer."""
    room = [budget.room for budget, _ in sites]
    fixed = {
        demand.model: number
        for demand in demands
        for number, (budget, _) in enumerate(sites)
        if demand.card == budget.card.index
    }
    free = [demand for demand in demands if demand.model not in fixed]
    costs = {demand.model: [_whole(demand, pricing) for _, pricing in sites] for demand in demands}
    for model, number in fixed.items():
        room[number] -= costs[model][number]
    whole = _fewest(free, costs, room, frozenset(fixed.values()))
    return fixed | (whole if whole is not None else _one_by_one(free, costs, room))


def neighbours_of(plan: VramPlan, sites: Sequence[Site]) -> tuple[Neighbour, ...]:
    """Return what one more layer of each model that is not wholly on its card would mean."""
    return tuple(one for own, (_, pricing) in zip(plan.by_card, sites, strict=True) for one in neighbours(own, pricing))


def _solved(demands: Sequence[Demand], budget: Budget, pricing: Pricing, prefer: Prefer) -> VramPlan:
    plan = solve(demands, budget, pricing, prefer)
    if plan.fits:
        return plan
    from aisuite.vram.remedy import with_remedy

    return with_remedy(plan, demands, pricing, prefer)


def _whole(demand: Demand, pricing: Pricing) -> int:
    """Return what a model takes with all that the profile asks for."""
    return pricing.device_bytes(demand.shape, demand.flags)


def _fewest(
    demands: Sequence[Demand], costs: Mapping[str, Sequence[int]], room: Sequence[int], taken: frozenset[int]
) -> dict[str, int] | None:
    """Return a place for each model with everything that it asks for, on the fewest cards; None where there is none."""
    if any(min(costs[one.model]) > max(room) for one in demands):
        return None
    largest_first = sorted(demands, key=lambda one: -max(costs[one.model]))
    least = sum(min(costs[one.model]) for one in demands)
    others = [number for number in range(len(room)) if number not in taken]
    for more in range(min(len(others), len(demands)) + 1):
        for chosen in combinations(others, more):
            numbers = sorted((*taken, *chosen))
            if sum(max(0, room[number]) for number in numbers) < least:
                continue
            found = _packed([one.model for one in largest_first], costs, list(room), numbers)
            if found is not None:
                return found
    return None


def _packed(
    models: Sequence[str], costs: Mapping[str, Sequence[int]], room: list[int], numbers: Sequence[int]
) -> dict[str, int] | None:
    """Place the models one after the other, each on the first card on which the rest can be placed, too."""
    if not models:
        return {}
    model, *rest = models
    tried: set[tuple[int, int]] = set()
    for number in numbers:
        cost = costs[model][number]
        if cost > room[number] or (room[number], cost) in tried:
            continue  # a card as full as one before it has nothing more to offer
        tried.add((room[number], cost))
        left = [*room]
        left[number] -= cost
        found = _packed(rest, costs, left, numbers)
        if found is not None:
            return {model: number, **found}
    return None


def _one_by_one(demands: Sequence[Demand], costs: Mapping[str, Sequence[int]], room: Sequence[int]) -> dict[str, int]:
    """Place what fits whole, in the profile's order, on the fullest card with room; then the rest, most room first."""
    left, places = [*room], dict[str, int]()
    for demand in demands:
        cost = costs[demand.model]
        fitting = [number for number in range(len(left)) if cost[number] <= left[number]]
        if fitting:
            places[demand.model] = min(fitting, key=lambda number: left[number])
            left[places[demand.model]] -= cost[places[demand.model]]
    for demand in demands:
        if demand.model not in places:
            number = max(range(len(left)), key=lambda one: left[one])
            places[demand.model] = number
            left[number] = min(0, left[number] - costs[demand.model][number])
    return places


def _together(plans: Sequence[VramPlan], order: Sequence[str]) -> VramPlan:
    shares = {share.model: share for plan in plans for share in plan.shares}
    bad = [plan for plan in plans if not plan.fits]
    fine = (f"cards in use: {len([one for one in plans if one.shares])} of {len(plans)}, each within its bounds",)
    cut = any(share.flags.gpu_layers <= share.shape.layers for share in shares.values())
    remedies = dict.fromkeys(plan.remedy for plan in bad if plan.remedy)
    return replace(
        plans[0],
        limit=sum(plan.limit for plan in plans),
        shares=tuple(shares[model] for model in order),
        verdict=max((plan.verdict for plan in plans), key=list(Verdict).index),
        reasons=tuple(f"card {plan.budget.card.index}: {words}" for plan in bad for words in plan.reasons) or fine,
        remedy="; ".join(remedies) or None,
        notes=(*dict.fromkeys(note for plan in plans for note in plan.notes), *((_NOT_SPLIT,) if cut else ())),
        cards=tuple(plans),
    )
