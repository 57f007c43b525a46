"""Backups by the clock, as a systemd user timer or as a line of a crontab. Times are the machine's own."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from aisuite.errors import UsageError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_USAGE = "aisuite backup schedule --at 03:00 --on sun"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to run which commands, one after another; the first that fails ends the row."""

    project: str
    commands: tuple[tuple[str, ...], ...]
    hour: int
    minute: int
    day: str | None = None  # of DAYS; None: every day


def read_time(at: str, day: str | None) -> tuple[int, int, str | None]:
    """Return hour, minute and day. Raises UsageError."""
    found = _TIME.fullmatch(at)
    if found is None:
        raise UsageError(f"--at {at}: that is no time of day", _USAGE)
    if day is not None and day.lower() not in DAYS:
        raise UsageError(f"--on {day}: there is {', '.join(DAYS)}", _USAGE)
    return int(found[1]), int(found[2]), day.lower() if day else None


def unit_name(project: str) -> str:
    """Return the name of a project's timer and service, without their endings."""
    return f"aisuite-backup-{project}"


def render_units(schedule: Schedule) -> dict[str, str]:
    """Return the service and the timer by file name."""
    name = unit_name(schedule.project)
    _refuse_lines(schedule)
    starts = "\n".join("ExecStart=" + " ".join(map(_for_systemd, command)) for command in schedule.commands)
    day = f"{schedule.day.capitalize()} " if schedule.day else ""
    return {
        f"{name}.service": (
            f"[Unit]\nDescription=Backup of the aisuite project {schedule.project}\n\n"
            f"[Service]\nType=oneshot\nNice=10\nUMask=0077\n{starts}\n"
        ),
        f"{name}.timer": (
            f"[Unit]\nDescription=When the aisuite project {schedule.project} is backed up\n\n"
            f"[Timer]\nOnCalendar={day}*-*-* {schedule.hour:02}:{schedule.minute:02}:00\nPersistent=true\n\n"
            "[Install]\nWantedBy=timers.target\n"
        ),
    }


def cron_mark(project: str) -> str:
    """Return how a project's line in a crontab ends."""
    return f"# aisuite backup {project}"


def render_cron(schedule: Schedule) -> str:
    """Return the line of a crontab."""
    _refuse_lines(schedule)
    day = "*" if schedule.day is None else str((DAYS.index(schedule.day) + 1) % 7)
    row = " && ".join(shlex.join(command) for command in schedule.commands)
    escaped = row.replace("%", r"\%")  # an unescaped % ends the command
    return f"{schedule.minute} {schedule.hour} * * {day} {escaped} {cron_mark(schedule.project)}"


def _refuse_lines(schedule: Schedule) -> None:
    for command in schedule.commands:
        for word in command:
            if not word.isprintable():
                raise UsageError(f"{word!r} cannot stand in a timer", "aisuite backup schedule --to FOLDER")


def _for_systemd(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if re.fullmatch(r"[\w@%+=:,./-]+", escaped, re.ASCII) else f'"{escaped}"'
