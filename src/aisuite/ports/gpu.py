"""The graphics cards of this machine, and what was learnt about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aisuite.units import Mib
    from aisuite.vram.model import Overhead


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that computes on a card."""

    pid: int  # as the driver sees it: in WSL2 and in containers it may be nobody's here
    used: int | None  # bytes; None where the driver does not say (WSL2, Windows)


@dataclass(frozen=True, slots=True)
class GpuDriver:
    """The driver of the cards."""

    version: str  # "570.86.16"
    cuda: str | None  # the newest CUDA that it can run: "12.8"


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """One card, as its driver sees it now. `used` and `free` need not add up to `total`: plan with `free`."""

    index: int  # as nvidia-smi counts
    name: str
    total: Mib
    free: Mib
    used: Mib | None = None
    reserved: Mib | None = None  # by the driver itself; None where an old driver does not say
    multiprocessors: int | None = None
    compute_capability: tuple[int, int] | None = None
    processes: tuple[GpuProcess, ...] | None = None  # None where the driver does not list them


class Gpu(Protocol):
    """The graphics cards that model servers are given."""

    def devices(self) -> tuple[GpuDevice, ...]:
        """Return all cards; empty when there is none that we can measure: `why_none` says why.

        Raises GpuUnavailable when a driver is there and fails, also in the middle.
        """

    def driver(self) -> GpuDriver | None:
        """Return the driver, or None when there is none. Raises GpuUnavailable when it fails."""

    def why_none(self) -> str:
        """Say in words why there are no cards: no driver, or cards that are not measurable here."""

    def elsewhere(self) -> str | None:
        """Return the other machine whose cards they are, which nobody here can measure; None: those of this one."""


class Calibration(Protocol):
    """What a process costs on this machine's cards beside its buffers, once that was measured."""

    def find(self, card: str) -> Overhead | None:
        """Return what was measured on a card of that name, or None."""

    def keep(self, card: str, overhead: Overhead) -> None:
        """Remember a measurement, replacing an older one. Raises StateUnwritable, DiskFull."""

    def reset(self) -> bool:
        """Forget all; false when there was nothing. Raises StateUnwritable."""
