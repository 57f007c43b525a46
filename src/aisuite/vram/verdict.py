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
class Planned:
    """What a server was given of its card. Bytes."""

    total: int  # its buffers, and what the process costs beside them
    buffers: Parts
    calibrated: bool = False  # the latter was measured on this machine

    @classmethod
    def of(cls, share: Share) -> Planned:
        """Return what a share of a plan gives."""
        return cls(share.device_bytes, share.memory.device, share.overhead.measured)


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


def split_of(service: str, planned: Planned | None, found: InForce, use: CardUse) -> Split:
    """Compare what a server takes of its card with what was planned for it."""
    total, buffers = (planned.total, planned.buffers) if planned else (None, None)
    allocated = found.device if found.told else None
    holds, why = _judge(planned, use, allocated)
    return Split(service, total, buffers, allocated, use.taken, holds, why)


def _judge(planned: Planned | None, use: CardUse, allocated: Parts | None) -> tuple[Holds, str]:
    taken = use.taken
    if taken is None:
        return Holds.NOT_MEASURABLE, use.why_unknown
    if planned is None:
        return Holds.NOT_MEASURABLE, "nothing was planned for it"
    if use.own is None and allocated is not None and taken < allocated.total - _EXACT:
        return Holds.NOT_MEASURABLE, "another process gave memory back while it started"
    more = taken - planned.total
    tolerance = _tolerance(planned)
    if more <= tolerance:
        return Holds.WITHIN if more >= -tolerance else Holds.UNDER, f"{_signed(more)} against the plan"
    beside = use.own is None and allocated is not None and allocated.total <= planned.buffers.total + tolerance
    blame = "; its own buffers are as planned, so another process may have taken it" if beside else ""
    return Holds.OVER, f"{_signed(more)} against the plan, {tolerance // _MIB} MiB are tolerated{blame}"


def _tolerance(planned: Planned) -> int:
    overhead = _CALIBRATED if planned.calibrated else _ESTIMATED
    return overhead + round(planned.buffers.total * _SIMULATED_SHARE)


def _signed(size: int) -> str:
    return f"{round(size / _MIB):+d} MiB"


def compare_buffers(planned: Planned, found: InForce) -> tuple[Difference, ...]:
    """Say which buffers on the card are not of the planned size.

    Nothing when the log no longer has them, or when there are none at all: `compare` says that.
    """
    buffers, allocated = planned.buffers, found.device
    if not found.told or not allocated.total:
        return ()
    loose = max(_SIMULATED, round(buffers.total * _SIMULATED_SHARE))
    parts = (
        ("weights on the card", buffers.model, allocated.model, _EXACT),
        ("KV cache on the card", buffers.kv, allocated.kv, _EXACT),
        ("compute buffer on the card", buffers.compute, allocated.compute, loose),
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
