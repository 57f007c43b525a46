"""Drills that are ended from outside, in a phase of a test's choice."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from aisuite.drill.catalogue import CATALOGUE
from tests.e2e.suite import Ran, Suite, finish, wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable

    from _pytest.mark.structures import ParameterSet

_SILENCE = 180.0  # seconds in which a drill must have come to any of its phases
FEW = ("--concurrency", "2", "--streams", "1", "--force")


def some_now_others_in_soak(faults: Iterable[str], now: Iterable[str]) -> list[ParameterSet]:
    """Return all faults for a parametrization; those that are not wanted now run in `make soak`."""
    kept = set(now)
    return [pytest.param(one, marks=() if one in kept else (pytest.mark.soak,)) for one in faults]


def is_steady(suite: Suite) -> bool:
    """Whether every service is healthy."""
    return suite.run("status", "--json").code == 0


def drilling(suite: Suite, fault: str, phase: str) -> subprocess.Popen[str]:
    """Start a drill, and return when it says that it is in that phase."""
    process = suite.start("drill", "--only", fault, "--duration", "1", *FEW, PYTHONUNBUFFERED="1")
    assert process.stdout is not None
    heard = ""
    too_long = threading.Timer(_SILENCE, process.send_signal, [signal.SIGABRT])
    too_long.start()
    try:
        for line in process.stdout:
            heard += line
            if line.startswith(f"[1/1] {fault}: ") and phase in line.removeprefix(f"[1/1] {fault}"):
                return process
    finally:
        too_long.cancel()
    raise AssertionError(heard + (process.stderr.read() if process.stderr else ""))


def breaking(suite: Suite, fault: str) -> subprocess.Popen[str]:
    """Start a drill, and return when it begins to break something."""
    return drilling(suite, fault, f"{CATALOGUE[fault].action}: ")


def end(process: subprocess.Popen[str], number: signal.Signals) -> int:
    """Send a command a signal, and return its exit code."""
    process.send_signal(number)
    return finish(process, 120).code


def undo(suite: Suite, fault: str) -> Ran:
    """Undo a killed drill of this fault, and wait until everything is healthy again."""
    undone = suite.run("drill", "--undo", "--json")
    assert undone.code == 0, undone.out
    assert {one["fault"] for one in undone.json["undone"]} == {fault}
    wait_for(lambda: is_steady(suite), 60)
    return undone
