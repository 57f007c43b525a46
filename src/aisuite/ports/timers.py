"""What starts commands by the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aisuite.bundle.schedule import Schedule


class Timers(Protocol):
    """The timers of this user."""

    @property
    def kind(self) -> str:
        """What it is called: systemd or cron."""

    def describe(self, schedule: Schedule) -> str:
        """Return what `set` would write, and where. Raises UsageError."""

    def set(self, schedule: Schedule) -> str:
        """Start it, in place of the project's former one; return what a person should know. Raises StateUnwritable."""

    def remove(self, project: str) -> bool:
        """Remove a project's; return whether there was one. Raises StateUnwritable."""
