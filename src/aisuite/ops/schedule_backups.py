"""`aisuite backup schedule`: backups by the clock of this machine; the suite needs no daemon for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aisuite.bundle.schedule import Schedule
    from aisuite.ports.timers import Timers


@dataclass(frozen=True, slots=True)
class ScheduleReport:
    """What is or would be set."""

    kind: str
    text: str  # what is written, and where
    applied: bool
    note: str = ""  # what a person should know


def schedule_backups(schedule: Schedule, timers: Timers, *, apply: bool) -> ScheduleReport:
    """Say what a timer would be, or set it. Raises UsageError, StateUnwritable."""
    text = timers.describe(schedule)
    note = timers.set(schedule) if apply else ""
    return ScheduleReport(timers.kind, text, apply, note)
