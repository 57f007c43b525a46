"""The cards of another machine: what is asked of the driver of this one would say nothing about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aisuite.ports import GpuDevice, GpuDriver


class CardsElsewhere:
    """The cards of the machine on which Docker runs."""

    def __init__(self, host: str) -> None:
        self._host = host

    def devices(self) -> tuple[GpuDevice, ...]:
        """Return none: Docker's API tells no figures of cards."""
        return ()

    def driver(self) -> GpuDriver | None:
        """Return none."""
        return None

    def why_none(self) -> str:
        """Say where they are."""
        return f"Docker runs on {self._host}, whose cards cannot be looked at from here"

    def elsewhere(self) -> str | None:
        """Return the machine."""
        return self._host
