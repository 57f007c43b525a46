"""Commands that are killed while they work: at which steps, and at any moment."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from itertools import product

import pytest

from aisuite.bundle.restore_steps import Step

RANDOM_TIMES = 30
BACKUP = (
    "backup.begin",
    "backup.collections",
    "backup.collection",
    "backup.hold",
    "backup.databases",
    "backup.database",
    "backup.folders",
    "backup.config",
    "backup.secrets",
    "backup.publish",
    "shelf.seal",
    "shelf.rename",
    "backup.verify",
)
WHOLE = ("backup.verify",)  # what is killed there is listed already, and whole
RESTORE = (*Step, "collection", "staged", "placed", "switched", "removed")  # what comes behind steps is within one
NO_WAY_BACK = (Step.TIDY, "removed")


def each_way(*always: tuple[str, str]) -> list[object]:
    """Return every step of a restore with both ends; all but these are left to `make soak`."""
    return [
        pytest.param(str(step), end, marks=() if (step, end) in always else (pytest.mark.soak,))
        for step, end in product(RESTORE, ("--resume", "--undo"))
    ]


def each_step_of_backup(*always: str) -> list[object]:
    """Return every step of a backup; all but these are left to `make soak`."""
    return [pytest.param(step, marks=() if step in always else (pytest.mark.soak,)) for step in BACKUP]


def killed_sometime(process: subprocess.Popen[str], seconds: float) -> None:
    """Kill a command that has run for so long, unless it has ended before."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)
    process.kill()
    process.communicate()
