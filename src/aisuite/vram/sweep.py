"""What a plan's card would hold with other numbers of layers and other contexts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aisuite.vram.model import Share, VramPlan
    from aisuite.vram.pricing import Pricing

_STEP = 4  # from one context to the next
_CONTEXTS = 4


@dataclass(frozen=True, slots=True)
class Curve:
    """What all servers take together, in bytes, for 0, 1, 2, ... layers of one model on the card."""

    context: int
    used: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sweep:
    """One model's curves; all other servers stay as planned."""

    model: str
    curves: tuple[Curve, ...]  # by context, the planned one first
    gpu_layers: int  # as planned
    used: int  # as planned, bytes


def sweeps(plan: VramPlan, pricing: Pricing) -> tuple[Sweep, ...]:
    """Return a sweep for each model, in the plan's order."""
    return tuple(_sweep(share, plan, pricing) for share in plan.shares)


def _sweep(share: Share, plan: VramPlan, pricing: Pricing) -> Sweep:
    others = plan.used - share.device_bytes
    every = share.shape.layers + 1
    curves = []
    for context in _contexts(share):
        flags = [replace(share.flags, context=context, gpu_layers=layers) for layers in range(every + 1)]
        curves.append(Curve(context, tuple(others + pricing.device_bytes(share.shape, one) for one in flags)))
    return Sweep(share.model, tuple(curves), min(share.flags.gpu_layers, every), plan.used)


def _contexts(share: Share) -> list[int]:
    """Return the planned context and larger ones, as far as the model was trained for."""
    planned, most = share.flags.context, share.shape.trained_context
    steps = [planned * _STEP**step for step in range(_CONTEXTS)]
    return [planned, *(context for context in steps[1:] if context <= most)]
