"""Timers of this user: systemd's where it runs a session for the user, else those of cron."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

from aisuite.adapters.durable import write_durably
from aisuite.bundle.schedule import cron_mark, render_cron, render_units, unit_name
from aisuite.errors import StateUnwritable, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aisuite.bundle.schedule import Schedule
    from aisuite.ports.timers import Timers

_PATIENCE = 20.0  # seconds


class Run(Protocol):
    """Runs a program."""

    def __call__(self, command: Sequence[str], given: str = "") -> tuple[int, str]:
        """Return its exit code and what it printed; 127 when it is not there."""


def run_program(command: Sequence[str], given: str = "") -> tuple[int, str]:
    """Run a program with a text as its input."""
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=_PATIENCE, check=False, errors="replace"
        )
    except (FileNotFoundError, PermissionError):
        return 127, f"{command[0]} is not here"
    except subprocess.TimeoutExpired:
        return 124, f"{command[0]} does not answer"
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr


def find_timers(run: Run = run_program) -> Timers | None:
    """Return those that work here; None: there are none."""
    if run(["systemctl", "--user", "show-environment"])[0] == 0:
        return SystemdTimers(run=run)
    return Crontab(run) if shutil.which("crontab") else None


class SystemdTimers:
    """Units in the user's own folder."""

    kind = "systemd"

    def __init__(self, folder: Path | None = None, run: Run = run_program) -> None:
        config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        self._folder = folder or Path(config, "systemd", "user")
        self._run = run

    def describe(self, schedule: Schedule) -> str:
        """Return both units, each behind its path."""
        return "\n".join(f"# {self._folder / name}\n{text}" for name, text in render_units(schedule).items())

    def set(self, schedule: Schedule) -> str:
        """Write the units and start the timer. Raises UsageError for what systemd would not take, StateUnwritable."""
        units = render_units(schedule)
        self._refuse_bad(units)
        for name, text in units.items():
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                write_durably(self._folder / name, text.encode())
            except OSError as err:
                raise StateUnwritable(f"cannot write {self._folder / name}: {err.strerror}") from err
        self._systemctl("daemon-reload")
        self._systemctl("enable", "--now", f"{unit_name(schedule.project)}.timer")
        return "it runs only while you are logged in, unless: loginctl enable-linger"

    def _refuse_bad(self, units: Mapping[str, str]) -> None:
        """Let systemd read the units before they lie where it finds them; where it cannot, they are taken as good."""
        with TemporaryDirectory() as folder:
            paths = [Path(folder, name) for name in units]
            for path, text in zip(paths, units.values(), strict=True):
                path.write_text(text)
            code, said = self._run(["systemd-analyze", "verify", "--man=no", *map(str, paths)])
        wrong = [line for line in said.splitlines() if any(name in line for name in units)]
        if code and wrong:
            message = f"systemd would not take this timer: {wrong[0].replace(f'{folder}/', '')}"
            raise UsageError(message, "aisuite backup schedule   # shows it; --with cron takes another way")

    def remove(self, project: str) -> bool:
        """Stop the timer and remove the units. Raises StateUnwritable."""
        name = unit_name(project)
        units = [self._folder / f"{name}{ending}" for ending in (".timer", ".service")]
        if not any(unit.exists() for unit in units):
            return False
        self._systemctl("disable", "--now", f"{name}.timer")
        for unit in units:
            unit.unlink(missing_ok=True)
        self._systemctl("daemon-reload")
        return True

    def _systemctl(self, *words: str) -> None:
        code, said = self._run(["systemctl", "--user", *words])
        if code:
            message = f"systemctl --user {' '.join(words)}: {said.strip() or f'exit code {code}'}"
            raise StateUnwritable(message, "systemctl --user status   # or: aisuite backup schedule --with cron")


class Crontab:
    """A line in the user's crontab, known by how it ends."""

    kind = "cron"

    def __init__(self, run: Run = run_program) -> None:
        self._run = run

    def describe(self, schedule: Schedule) -> str:
        """Return the line."""
        return f"# crontab -e\n{render_cron(schedule)}\n"

    def set(self, schedule: Schedule) -> str:
        """Add the line, or put it in the place of the former one. Raises StateUnwritable."""
        self._write([*self._others(schedule.project), render_cron(schedule)])
        return "what it prints, cron mails to you, where mail is set up"

    def remove(self, project: str) -> bool:
        """Remove the line. Raises StateUnwritable."""
        others = self._others(project)
        if len(others) == len(self._lines()):
            return False
        self._write(others)
        return True

    def _others(self, project: str) -> list[str]:
        return [line for line in self._lines() if not line.endswith(f" {cron_mark(project)}")]

    def _lines(self) -> list[str]:
        code, said = self._run(["crontab", "-l"])
        if code == 0:
            return said.splitlines()
        if "no crontab" in said:
            return []
        raise StateUnwritable(f"crontab -l: {said.strip() or f'exit code {code}'}", "crontab -l")

    def _write(self, lines: list[str]) -> None:
        code, said = self._run(["crontab", "-"], "".join(f"{line}\n" for line in lines))
        if code:
            raise StateUnwritable(f"crontab -: {said.strip() or f'exit code {code}'}", "crontab -l")
