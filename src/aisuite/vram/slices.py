"""A card, cut into what lies on it: the same order in every view."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.vram.model import VramPlan


class Kind(StrEnum):
    """What a slice of a card is used for."""

    OTHERS = "others' use"
    WEIGHTS = "weights"
    KV = "KV cache"
    COMPUTE = "compute"
    CONTEXT = "CUDA context"  # and what else a process costs beside its buffers
    RESERVE = "reserve"
    FREE = "free"


SERVER_KINDS = (Kind.WEIGHTS, Kind.KV, Kind.COMPUTE, Kind.CONTEXT)


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a card; `model` is None for what belongs to no server of the plan."""

    kind: Kind
    model: str | None
    bytes: int


def slices_of(plan: VramPlan) -> tuple[Slice, ...]:
    """Return all parts of the plan's card that are not empty, from its beginning on.

    Together they are the whole card, and more when the plan does not fit.
    """
    return tuple(one for one in _slices(plan) if one.bytes > 0)


def _slices(plan: VramPlan) -> Iterator[Slice]:
    card = plan.budget.card
    others = card.total - card.free
    yield Slice(Kind.OTHERS, None, others)
    for share in plan.shares:
        device = share.memory.device
        sizes = (device.model, device.kv, device.compute, share.overhead.bytes)
        for kind, size in zip(SERVER_KINDS, sizes, strict=True):
            yield Slice(kind, share.model, size)
    rest = max(0, card.total - others - plan.used)
    reserve = min(plan.budget.reserve.bytes, rest)
    yield Slice(Kind.RESERVE, None, reserve)
    yield Slice(Kind.FREE, None, rest - reserve)
