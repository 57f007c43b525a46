"""The smallest change that makes a plan fit: the first of a fixed order that does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aisuite.vram.model import Budget, Demand, Verdict
from aisuite.vram.remedy import with_remedy
from aisuite.vram.solve import solve
from tests.fakes.pricing import make_budget, make_demand, round_pricing

PRICING = round_pricing()
CHAT, CODE = make_demand("chat", auto=False), make_demand("code", auto=False)


def with_context(demand: Demand, context: int) -> Demand:
    return replace(demand, flags=replace(demand.flags, context=context))


def remedy(budget: Budget, *demands: Demand) -> str | None:
    plan = solve(demands, budget, PRICING)
    assert plan.verdict is not Verdict.FITS
    return with_remedy(plan, demands, PRICING, "chat-speed").remedy


@pytest.mark.parametrize(
    ("budget", "demands", "expected"),
    [
        (make_budget(6141, wanted=1200), (CHAT,), "gpu.budget: 1494MiB"),
        (make_budget(1900), (with_context(CHAT, 8192),), "models.chat.kv_type: q8_0"),
        (make_budget(1400, reserve=100), (CHAT,), "models.chat.gpu_layers: 10"),
        (make_budget(2700, reserve=100), (CHAT, CODE), "models.code.gpu_layers: 9"),
        (make_budget(1500, reserve=0), (with_context(CHAT, 16384),), "models.chat.context: 1024"),
        (make_budget(1700, reserve=0), (CHAT, CODE), "models.code.gpu_layers: 1"),
        (make_budget(1000, reserve=0), (CHAT, CODE), "gpu_layers: auto for every model"),
        (make_budget(300), (CHAT, CODE), "a card with 2877 MiB free, or smaller models"),
    ],
)
def test_the_change_that_costs_least_is_named(budget: Budget, demands: tuple[Demand, ...], expected: str) -> None:
    assert remedy(budget, *demands) == expected
