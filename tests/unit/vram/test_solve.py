"""Plans: as much as fits, by the owner's preference, with every bound kept and explained."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisuite.vram.model import ALL_LAYERS, Budget, Demand, ModelShape, Prefer, ServerFlags, Verdict
from aisuite.vram.solve import neighbours, solve
from tests.fakes.pricing import MIB, make_budget, make_demand, round_pricing

PRICING = round_pricing()
PREFERENCES: tuple[Prefer, ...] = ("chat-speed", "context", "balance")


def layers_of(*demands: Demand, total: int, prefer: Prefer = "chat-speed") -> list[int]:
    plan = solve(demands, make_budget(total, reserve=0), PRICING, prefer)
    return [min(share.flags.gpu_layers, share.shape.layers + 1) for share in plan.shares]


def test_all_layers_go_to_a_card_that_has_room_for_them() -> None:
    plan = solve([make_demand()], make_budget(), PRICING)
    assert plan.verdict is Verdict.FITS
    assert plan.gpu_layers == {"chat": ALL_LAYERS}
    assert plan.shares[0].why == "all 11 layers"


def test_no_plan_takes_a_tenth_of_the_card_that_the_law_keeps() -> None:
    # 1200 MiB * 0.9 = 1080: 130 for the process and its compute, 64 of KV, 8 layers of 100.
    plan = solve([make_demand()], make_budget(1200, reserve=0), PRICING)
    assert plan.gpu_layers == {"chat": 8}
    assert plan.shares[0].why == "8 of 11 layers; one more would take 1094 MiB, above 90 % of the card (1080 MiB)"


def test_the_reserve_stays_free_of_what_others_leave() -> None:
    plan = solve([make_demand()], make_budget(6141, free=1000, reserve=200), PRICING)
    assert plan.gpu_layers == {"chat": 6}
    assert plan.shares[0].why == "6 of 11 layers; one more would leave 106 MiB, below the reserve of 200MiB"


def test_the_owners_budget_binds_where_it_is_the_smallest() -> None:
    plan = solve([make_demand()], make_budget(6141, wanted=700, reserve=0), PRICING)
    assert plan.limit == 700 * MIB
    assert plan.gpu_layers == {"chat": 5}
    assert plan.shares[0].why == "5 of 11 layers; one more would take 94 MiB more than the budget of 700MiB"


def test_chat_speed_fills_the_first_model_first() -> None:
    assert layers_of(make_demand("chat"), make_demand("code"), total=2000) == [11, 3]


def test_balance_shares_the_layers() -> None:
    chat, code = make_demand("chat"), make_demand("code")
    assert layers_of(chat, code, total=2000, prefer="balance") == [7, 7]
    busy = replace(code, weight=3.0)
    assert layers_of(chat, busy, total=2000, prefer="balance") == [4, 10]


def test_speed_gives_up_context_only_as_far_as_the_profile_allows() -> None:
    free = replace(make_demand(context=8192), context_floor=2048)
    fixed = make_demand(context=8192)
    assert layers_of(fixed, total=1500) == [7]
    assert layers_of(free, total=1500) == [10]
    plan = solve([free], make_budget(1500, reserve=0), PRICING, "chat-speed")
    assert plan.shares[0].flags.context == 3072
    assert plan.shares[0].why.endswith("; context 3072 instead of 8192")


def test_context_is_kept_when_it_is_preferred() -> None:
    demand = replace(make_demand(context=8192), context_floor=2048)
    plan = solve([demand], make_budget(1500, reserve=0), PRICING, "context")
    assert (plan.shares[0].flags.context, plan.gpu_layers) == (8192, {"chat": 7})


def test_balance_gives_up_context_for_half_of_the_layers_and_no_more() -> None:
    demand = replace(make_demand(context=8192), context_floor=1024)
    plan = solve([demand], make_budget(1200, reserve=0), PRICING, "balance")
    assert (plan.shares[0].flags.context, plan.gpu_layers) == (5120, {"chat": 6})


def test_a_smaller_kv_type_is_taken_only_where_it_is_allowed_and_works() -> None:
    demand = make_demand(context=8192)
    allowed = replace(demand, kv_choices=("q8_0", "q4_0"))
    plan = solve([allowed], make_budget(1500, reserve=0), PRICING)
    assert (plan.shares[0].flags.kv_k, plan.gpu_layers) == ("q4_0", {"chat": 10})
    refused = replace(allowed, flags=replace(allowed.flags, flash_attention="off"))
    assert solve([refused], make_budget(1500, reserve=0), PRICING).shares[0].flags.kv_k == "f16"


def test_slots_are_given_up_one_by_one() -> None:
    base = make_demand()
    demand = replace(base, flags=replace(base.flags, parallel=4), parallel_floor=2)
    assert solve([demand], make_budget(), PRICING).shares[0].flags.parallel == 4


def test_what_the_profile_fixes_stays() -> None:
    demand = make_demand(auto=False)
    plan = solve([replace(demand, flags=replace(demand.flags, gpu_layers=4))], make_budget(), PRICING)
    assert plan.gpu_layers == {"chat": 4}
    assert plan.shares[0].why == "4 of 11 layers, as the profile says"


def test_a_plan_that_needs_the_reserve_is_tight() -> None:
    plan = solve([make_demand(auto=False)], make_budget(6141, free=1400, reserve=200), PRICING)
    assert plan.verdict is Verdict.TIGHT
    assert plan.reasons[-1] == "together (1294 MiB) they would leave 106 MiB, below the reserve of 200MiB"


def test_what_does_not_fit_names_every_part() -> None:
    plan = solve([make_demand(auto=False), make_demand("code", auto=False)], make_budget(2000, reserve=0), PRICING)
    assert plan.verdict is Verdict.NO
    assert plan.reasons == (
        "chat: 1294 MiB (weights 1100 MiB, KV 64 MiB, compute 30 MiB, the process itself 100 MiB)",
        "code: 1294 MiB (weights 1100 MiB, KV 64 MiB, compute 30 MiB, the process itself 100 MiB)",
        "together (2588 MiB) they would take 2588 MiB, above 90 % of the card (1800 MiB)",
    )


def test_a_card_that_others_have_taken_has_no_room() -> None:
    plan = solve([make_demand()], make_budget(6141, free=90), PRICING)
    assert plan.verdict is Verdict.NO
    assert plan.left < 0


def test_ram_is_a_budget_too() -> None:
    demands = [make_demand(layers=10), make_demand("code", layers=10)]
    budget = make_budget(2000, reserve=0)
    plan = solve(demands, budget, PRICING)
    assert plan.verdict is Verdict.FITS
    scarce = solve(demands, replace(budget, host_free=799 * MIB), PRICING)
    assert scarce.verdict is Verdict.TIGHT
    assert scarce.reasons == ("what stays in RAM takes 800 MiB, and 799 MiB are free there",)
    nothing_on_card = [replace(one, flags=replace(one.flags, gpu_layers=0), layers_open=False) for one in demands]
    assert solve(nothing_on_card, replace(budget, host_free=100 * MIB), PRICING).verdict is Verdict.NO


@pytest.mark.parametrize("prefer", PREFERENCES)
def test_the_solver_is_quick(prefer: Prefer) -> None:
    """Counted in estimates, not in seconds: many less than there are choices."""
    asked = []
    pricing = replace(
        PRICING, estimate=lambda shape, flags: asked.append(flags) or PRICING.estimate(shape, flags), _known={}
    )
    demands = [
        replace(one, context_floor=1024, parallel_floor=1, kv_choices=("q8_0", "q4_0"))
        for one in (make_demand(layers=36, context=16384), make_demand("code", layers=28, context=16384))
    ]
    solve(demands, make_budget(), pricing, prefer)
    assert len(asked) <= (80 if prefer == "balance" else 24)


@pytest.mark.parametrize("prefer", PREFERENCES)
@given(total=st.integers(400, 4000), context=st.integers(1, 40), floor=st.integers(1, 40), layers=st.integers(1, 12))
def test_what_is_not_looked_at_would_not_have_been_chosen(
    prefer: Prefer, total: int, context: int, floor: int, layers: int
) -> None:
    demands = [
        replace(make_demand(name, layers, context * 256), context_floor=floor * 256, kv_choices=("q8_0", "q4_0"))
        for name in ("chat", "code")
    ]
    budget, patient = make_budget(total, reserve=0), replace(PRICING, floor=_kv_alone)
    assert solve(demands, budget, PRICING, prefer).shares == solve(demands, budget, patient, prefer).shares


def _kv_alone(shape: ModelShape, flags: ServerFlags) -> int:
    """A floor that says so little that nearly every choice is looked at."""
    return PRICING.estimate(shape, flags).device.kv


DEMANDS = st.lists(
    st.builds(
        lambda layers, context, floor, auto: replace(
            make_demand(layers=layers, context=context * 256, auto=auto),
            context_floor=min(floor, context) * 256,
            kv_choices=("q8_0",),
        ),
        st.integers(1, 20),
        st.integers(1, 32),
        st.integers(1, 32),
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
).map(lambda found: [replace(one, model=f"m{number}") for number, one in enumerate(found)])
BUDGETS = st.builds(
    lambda total, taken, reserve: make_budget(total, free=max(0, total - taken), reserve=reserve),
    st.integers(200, 6000),
    st.integers(0, 3000),
    st.integers(0, 400),
)


@settings(max_examples=60, deadline=None)
@given(DEMANDS, BUDGETS, st.sampled_from(PREFERENCES))
def test_one_more_layer_of_any_model_never_fits(demands: list[Demand], budget: Budget, prefer: Prefer) -> None:
    plan = solve(demands, budget, PRICING, prefer)
    assert plan == solve(demands, budget, PRICING, prefer)
    open_models = {demand.model for demand in demands if demand.layers_open}
    assert not any(one.fits for one in neighbours(plan, PRICING) if one.model in open_models)


@settings(max_examples=60, deadline=None)
@given(DEMANDS, BUDGETS, st.sampled_from(PREFERENCES))
def test_a_plan_keeps_its_bounds_and_the_owners_word(demands: list[Demand], budget: Budget, prefer: Prefer) -> None:
    plan = solve(demands, budget, PRICING, prefer)
    if plan.verdict is Verdict.FITS:
        assert plan.used <= budget.card.free - budget.reserve.bytes
        assert plan.used * 10 < budget.card.total * 9
    if plan.verdict is not Verdict.NO:
        assert plan.left >= 0
    for demand, share in zip(demands, plan.shares, strict=True):
        assert (demand.context_floor or 0) <= share.flags.context <= demand.flags.context
        if not demand.layers_open:
            assert share.flags.gpu_layers == demand.flags.gpu_layers
