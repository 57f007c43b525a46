"""Graphics cards in memory, with the habits of real ones."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aisuite.errors import GpuUnavailable
from aisuite.ports import GpuDevice, GpuDriver, GpuProcess
from aisuite.units import Mib

if TYPE_CHECKING:
    from aisuite.vram.model import Overhead


@dataclass
class FakeCard:
    """A card; sizes are MiB. `lost` is neither used nor free, as on the laptop cards of WSL2."""

    name: str = "RTX 4050 Laptop"
    total: int = 6141
    reserved: int = 0
    lost: int = 0
    multiprocessors: int = 20
    compute_capability: tuple[int, int] = (8, 9)
    programs: dict[int, int] = field(default_factory=dict)  # pid to MiB

    @property
    def used(self) -> int:
        return sum(self.programs.values())

    @property
    def free(self) -> int:
        return self.total - self.used - self.reserved - self.lost


class FakeGpu:
    """The cards that a test wants, behind a driver that may know little, and may go away."""

    def __init__(self, *cards: FakeCard, per_process: bool = True, reserved: bool = True, absent: str = "") -> None:
        self.cards = list(cards)
        self.per_process = per_process  # WSL2 lists processes without their memory
        self.knows_reserved = reserved  # drivers before 2021 do not tell it
        self.absent = absent or "no driver of NVIDIA is loaded here"
        self.broken = ""  # what the driver says once it fails
        self.breaks_after: int | None = None  # how many questions it still answers
        self._changes: dict[int, tuple[int, int, int]] = {}
        self._looks = 0
        self._lock = threading.Lock()

    def take(self, pid: int, mib: int, card: int = 0) -> None:
        """Let a program hold so much memory of a card; 0 ends it."""
        self.cards[card].programs[pid] = mib
        if not mib:
            del self.cards[card].programs[pid]

    def take_at(self, look: int, pid: int, mib: int, card: int = 0) -> None:
        """Let a program take memory just before the cards are looked at for that time (1 is the first)."""
        self._changes[look] = (pid, mib, card)

    def devices(self) -> tuple[GpuDevice, ...]:
        with self._lock:
            self._looks += 1
            self._answer()
            if self._looks in self._changes:
                self.take(*self._changes[self._looks])
            return tuple(self._device(index, card) for index, card in enumerate(self.cards))

    def driver(self) -> GpuDriver | None:
        self._answer()
        return GpuDriver("570.86.16", "12.8") if self.cards else None

    def why_none(self) -> str:
        return self.absent

    def elsewhere(self) -> str | None:
        return None

    def _answer(self) -> None:
        if self.breaks_after is not None:
            if self.breaks_after == 0:
                self.broken = self.broken or "GPU is lost"
            self.breaks_after = max(0, self.breaks_after - 1)
        if self.broken:
            raise GpuUnavailable(f"NVIDIA's driver does not answer: {self.broken}", "nvidia-smi")

    def _device(self, index: int, card: FakeCard) -> GpuDevice:
        processes = tuple(
            GpuProcess(pid, mib * 2**20 if self.per_process else None) for pid, mib in sorted(card.programs.items())
        )
        return GpuDevice(
            index=index,
            name=card.name,
            total=Mib(card.total),
            free=Mib(card.free),
            used=Mib(card.used if self.knows_reserved else card.used + card.reserved),
            reserved=Mib(card.reserved) if self.knows_reserved else None,
            multiprocessors=card.multiprocessors,
            compute_capability=card.compute_capability,
            processes=processes,
        )


class FakeCalibration:
    """Keeps measurements in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Overhead] = {}

    def find(self, card: str) -> Overhead | None:
        return self.kept.get(card)

    def keep(self, card: str, overhead: Overhead) -> None:
        self.kept[card] = overhead

    def reset(self) -> bool:
        there = bool(self.kept)
        self.kept.clear()
        return there
