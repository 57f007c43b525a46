"""What was measured against what was planned, server by server."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from aisuite.vram.model import Overhead, Parts
from aisuite.vram.readback import Difference

if TYPE_CHECKING:
    from aisuite.vram.model import Share
    from aisuite.vram.readback import InForce

_MIB = 2**20
# Weights and caches follow from the header; the compute buffer is simulated, for one build of llama.cpp.
_EXACT = _MIB
_SIMULATED, _SIMULATED_SHARE = 16 * _MIB, 0.02
# CUDA's context and pool are known to some tens of MiB, and once measured here to a few.
_ESTIMATED, _CALIBRATED = 64 * _MIB, 24 * _MIB
_BELIEVABLE = range(16 * _MIB, 2048 * _MIB)  # what a context can cost; beside it somebody else was measured


class Holds(StrEnum):
    """Whether a server takes what was planned for it."""

    WITHIN = "within tolerance"
    OVER = "over"
    UNDER = "under"  # not all of it is on the card, or it was planned too large
    NOT_MEASURABLE = "not measurable"


@dataclass(frozen=True, slots=True)
class CardUse:
    """What became of a card's memory while one server started. Bytes."""

    before: int | None  # free then; None: nobody could look
    after: int | None
    own: int | None = None  # of the server's process, where the driver says it
    others: int = 0  # other processes that came or grew meanwhile, where the driver says it
    why_unknown: str = "no card was looked at while it started"

    @property
    def taken(self) -> int | None:
        """What the server took: its own process if it is known, else what is no longer free."""
        if self.own is not None:
            return self.own
        if self.before is None or self.after is None:
            return None
        return max(0, self.before - self.after - self.others)


@dataclass(frozen=True, slots=True)
class Split:
    """One server: planned, allocated by its own word, and measured on the card. Bytes."""

    service: str
    planned: int | None  # buffers and overhead on the card; None without a plan
    planned_parts: Parts | None
    allocated: Parts | None  # by its log
    measured: int | None
    holds: Holds
    why: str

    @property
    def overhead(self) -> int | None:
        """What it takes beside its buffers, as measured; None when that cannot be told, or is not to be believed."""
        if self.measured is None or self.allocated is None:
            return None
        beside = self.measured - self.allocated.total
        return beside if beside in _BELIEVABLE else None


def split_of(service: str, share: Share | None, found: InForce, use: CardUse) -> Split:
    """Compare what a server takes of its card with its share of the plan."""
    planned = share.device_bytes if share else None
    allocated = found.device if found.told else None
    holds, why = _judge(share, use, allocated)
    return Split(service, planned, share.memory.device if share else None, allocated, use.taken, holds, why)


def _judge(share: Share | None, use: CardUse, allocated: Parts | None) -> tuple[Holds, str]:
    taken = use.taken
    if taken is None:
        return Holds.NOT_MEASURABLE, use.why_unknown
    if share is None:
        return Holds.NOT_MEASURABLE, "nothing was planned for it"
    if use.own is None and allocated is not None and taken < allocated.total - _EXACT:
        return Holds.NOT_MEASURABLE, "another process gave memory back while it started"
    more = taken - share.device_bytes
    tolerance = _tolerance(share)
    if more <= tolerance:
        return Holds.WITHIN if more >= -tolerance else Holds.UNDER, f"{_signed(more)} against the plan"
    beside = use.own is None and allocated is not None and allocated.total <= share.memory.device.total + tolerance
    blame = "; its own buffers are as planned, so another process may have taken it" if beside else ""
    return Holds.OVER, f"{_signed(more)} against the plan, {tolerance // _MIB} MiB are tolerated{blame}"


def _tolerance(share: Share) -> int:
    overhead = _CALIBRATED if share.overhead.measured else _ESTIMATED
    return overhead + round(share.memory.device.total * _SIMULATED_SHARE)


def _signed(size: int) -> str:
    return f"{round(size / _MIB):+d} MiB"


def compare_buffers(share: Share, found: InForce) -> tuple[Difference, ...]:
    """Say which buffers on the card are not of the planned size.

    Nothing when the log no longer has them, or when there are none at all: `compare` says that.
    """
    planned, allocated = share.memory.device, found.device
    if not found.told or not allocated.total:
        return ()
    loose = max(_SIMULATED, round(planned.total * _SIMULATED_SHARE))
    parts = (
        ("weights on the card", planned.model, allocated.model, _EXACT),
        ("KV cache on the card", planned.kv, allocated.kv, _EXACT),
        ("compute buffer on the card", planned.compute, allocated.compute, loose),
    )
    return tuple(
        Difference(what, f"{wanted / _MIB:.2f} MiB", f"{there / _MIB:.2f} MiB")
        for what, wanted, there, tolerance in parts
        if abs(wanted - there) > tolerance
    )


def learnt_overhead(splits: tuple[Split, ...], day: str) -> Overhead | None:
    """Return what a process costs on this card beside its buffers: the most that was measured, or None.

    `day` is when: "2026-11-21".
    """
    measured = [split.overhead for split in splits if split.overhead is not None]
    return Overhead(max(measured), f"measured here on {day}", measured=True) if measured else None
