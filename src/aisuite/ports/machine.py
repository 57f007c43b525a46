"""This machine: its ports and disks, its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Host(Protocol):
    """Questions to this machine."""

    def port_holder(self, host: str, port: int) -> str | None:
        """Return who listens there ("python3, pid 4242"), or None when the port is free.

        "another process" when the holder cannot be seen.
        """

    def free_bytes(self, path: Path) -> int:
        """Return free space for this user on the file system of path (or of its nearest existing parent)."""

    def cpus(self) -> int:
        """Return how many cores this process may use."""

    def free_memory(self) -> int | None:
        """Return the bytes of RAM that programs can still get without swapping; None where nobody says it."""

    def this_process(self) -> str:
        """Return what tells this process from all others, also from later ones with its number."""

    def lives(self, process: str) -> bool:
        """Return whether the process that was told so still runs."""
