"""A plan for one card: what each model server gets of it, why, and whether it fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aisuite.vram.model import Share, Verdict, VramPlan
from aisuite.vram.search import choose
from aisuite.vram.words import host_bytes, layers_in_words, mib, parts_in_words, what_exceeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.vram.model import Budget, Demand, Prefer, ServerFlags
    from aisuite.vram.pricing import Pricing


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A plan with one more layer of one model on the card, all else unchanged."""

    model: str
    gpu_layers: int
    used: int
    left: int  # of what is granted, negative when it is more
    fits: bool
    why: str  # in words, empty when it fits


def solve(demands: Sequence[Demand], budget: Budget, pricing: Pricing, prefer: Prefer = "chat-speed") -> VramPlan:
    """Return the best plan that fits, or the leanest one with the verdict that it does not."""
    flags = choose(demands, budget.room, pricing, prefer)
    shares = tuple(_share(demand, flags[demand.model], pricing, budget.card.index) for demand in demands)
    used = sum(share.device_bytes for share in shares)
    verdict = max(_on_card(used, budget), _in_ram(shares, budget), key=list(Verdict).index)
    explained = (
        _explained(share, demand, used, budget, pricing) for share, demand in zip(shares, demands, strict=True)
    )
    return VramPlan(
        budget=budget,
        build=pricing.build,
        rules=pricing.rules,
        limit=budget.limit,
        shares=tuple(explained),
        verdict=verdict,
        reasons=_reasons(shares, used, budget, verdict),
        remedy=None,
        notes=pricing.notes,
    )


def neighbours(plan: VramPlan, pricing: Pricing) -> tuple[Neighbour, ...]:
    """Return what one more layer of each model that is not wholly on the card would mean."""
    return tuple(
        _neighbour(share, plan.used, plan.budget, pricing)
        for share in plan.shares
        if share.flags.gpu_layers <= share.shape.layers
    )


def _share(demand: Demand, flags: ServerFlags, pricing: Pricing, card: int) -> Share:
    memory = pricing.memory(demand.shape, flags)
    return Share(demand.model, demand.shape, flags, memory, pricing.overhead, why="", card=card)


def _neighbour(share: Share, used: int, budget: Budget, pricing: Pricing) -> Neighbour:
    flags = replace(share.flags, gpu_layers=share.flags.gpu_layers + 1)
    then = used - share.device_bytes + pricing.device_bytes(share.shape, flags)
    why = what_exceeds(then, budget)
    return Neighbour(share.model, flags.gpu_layers, then, budget.granted - then, not why, why)


def _explained(share: Share, demand: Demand, used: int, budget: Budget, pricing: Pricing) -> Share:
    why = layers_in_words(share)
    if not demand.layers_open:
        why += f", {demand.fixed_by}"
    elif share.flags.gpu_layers <= share.shape.layers:
        beyond = _neighbour(share, used, budget, pricing)
        why += f"; one more {beyond.why}" if beyond.why else ""
    return replace(share, why=why + _given_up(demand.flags, share.flags))


def _given_up(wish: ServerFlags, final: ServerFlags) -> str:
    """Say what the planner has changed beside the layers."""
    changes = [
        f"{name} {after} instead of {before}"
        for name, before, after in (
            ("context", wish.context, final.context),
            ("slots", wish.parallel, final.parallel),
            ("KV type", wish.kv_k, final.kv_k),
        )
        if before != after
    ]
    return "".join(f"; {change}" for change in changes)


def _on_card(used: int, budget: Budget) -> Verdict:
    return Verdict.FITS if used <= budget.room else Verdict.TIGHT if used <= budget.limit else Verdict.NO


def _in_ram(shares: Sequence[Share], budget: Budget) -> Verdict:
    """Weights in RAM are pages of a file, which may be read again and again; all else must stay there."""
    if budget.host_free is None or host_bytes(shares) <= budget.host_free:
        return Verdict.FITS
    return Verdict.TIGHT if host_bytes(shares, weights=False) <= budget.host_free else Verdict.NO


def _reasons(shares: Sequence[Share], used: int, budget: Budget, verdict: Verdict) -> tuple[str, ...]:
    if verdict is Verdict.FITS:
        return (f"{mib(used)} of the {mib(budget.room)} that may be used",)
    reasons = []
    if used > budget.room:
        reasons = [f"{share.model}: {mib(share.device_bytes)} ({parts_in_words(share)})" for share in shares]
        reasons.append(f"together ({mib(used)}) they {what_exceeds(used, budget)}")
    if budget.host_free is not None and host_bytes(shares) > budget.host_free:
        reasons.append(f"what stays in RAM takes {mib(host_bytes(shares))}, and {mib(budget.host_free)} are free there")
    return tuple(reasons)
