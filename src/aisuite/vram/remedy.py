"""The smallest change that makes a plan fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aisuite.profile.model import PLAIN_KV_TYPES
from aisuite.units import Mib
from aisuite.vram.choices import kv_works
from aisuite.vram.model import ALL_LAYERS, Budget, Verdict
from aisuite.vram.solve import solve
from aisuite.vram.words import mib

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aisuite.vram.model import Demand, Prefer, VramPlan
    from aisuite.vram.pricing import Pricing

_MIB = 2**20
_SMALLEST_CONTEXT = 512
_HALF = 0.5


def with_remedy(plan: VramPlan, demands: Sequence[Demand], pricing: Pricing, prefer: Prefer) -> VramPlan:
    """Return the plan with the change that costs its owner least.

    Tried in this order: a larger budget, where the card has it; a KV cache in 8 bits; fewer layers of one model, down
    to half; half the context, and half of that; still fewer layers of one model, then of all; a larger card.
    """
    tries = _Tries(demands, plan.budget, pricing, prefer)
    remedy = next(iter(tries.all()), None)
    return replace(plan, remedy=remedy if remedy is not None else _larger_card(plan))


class _Tries:
    """Changes, one by one, that make the plan fit."""

    def __init__(self, demands: Sequence[Demand], budget: Budget, pricing: Pricing, prefer: Prefer) -> None:
        self._demands, self._budget, self._pricing, self._prefer = tuple(demands), budget, pricing, prefer

    def all(self) -> Iterator[str]:
        yield from self._larger_budget()
        yield from self._smaller_kv()
        yield from self._fewer_layers(_HALF)
        yield from self._less_context()
        yield from self._fewer_layers(0.0)
        if self._solve(tuple(_opened(demand) for demand in self._demands)).verdict is Verdict.FITS:
            yield "gpu_layers: auto for every model"

    def _solve(self, demands: Sequence[Demand], budget: Budget | None = None) -> VramPlan:
        return solve(demands, budget or self._budget, self._pricing, self._prefer)

    def _with(self, changed: Demand) -> tuple[Demand, ...]:
        return tuple(changed if demand.model == changed.model else demand for demand in self._demands)

    def _larger_budget(self) -> Iterator[str]:
        budget = self._budget
        if budget.wanted is None or budget.wanted.bytes >= budget.card.free:
            return
        needed = self._solve(self._demands).used + budget.reserve.bytes
        larger = Mib(-(-needed // _MIB))
        if self._solve(self._demands, replace(budget, wanted=larger)).verdict is Verdict.FITS:
            yield f"gpu.budget: {larger}"

    def _smaller_kv(self) -> Iterator[str]:
        for demand in self._demands:
            smaller = demand.flags.kv_k in PLAIN_KV_TYPES and kv_works("q8_0", demand.flags)
            if smaller and self._solve(self._with(_with_kv(demand))).verdict is Verdict.FITS:
                yield f"models.{demand.model}.kv_type: q8_0"

    def _fewer_layers(self, least: float) -> Iterator[str]:
        for demand in reversed(self._demands):
            if demand.layers_open:
                continue
            plan = self._solve(self._with(_opened(demand)))
            layers = plan.gpu_layers[demand.model]
            if plan.verdict is Verdict.FITS and layers >= least * (demand.shape.layers + 1):
                yield f"models.{demand.model}.gpu_layers: {layers}"

    def _less_context(self) -> Iterator[str]:
        for demand in self._demands:
            context = demand.flags.context // 2
            while context >= _SMALLEST_CONTEXT:
                flags = replace(demand.flags, context=context)
                if self._solve(self._with(replace(demand, flags=flags))).verdict is Verdict.FITS:
                    yield f"models.{demand.model}.context: {context}"
                    break
                context //= 2


def _with_kv(demand: Demand) -> Demand:
    return replace(demand, flags=replace(demand.flags, kv_k="q8_0", kv_v="q8_0"))


def _opened(demand: Demand) -> Demand:
    return replace(demand, flags=replace(demand.flags, gpu_layers=ALL_LAYERS), layers_open=True)


def _larger_card(plan: VramPlan) -> str:
    needed = max(plan.used + plan.budget.reserve.bytes, plan.used * 10 // 9 + _MIB)
    return f"a card with {mib(needed)} free, or smaller models"
