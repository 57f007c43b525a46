"""What a check is, and what it says."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aisuite.preflight.snapshot import Section, Snapshot

    Look = Callable[[Snapshot], "Judgement | None"]


class Outcome(StrEnum):
    """How a check ended. A note changes no exit code; a warning does with --strict."""

    PASS = "pass"  # noqa: S105  no password
    NOTE = "note"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"  # it does not apply to this stack, or here


@dataclass(frozen=True, slots=True)
class Repair:
    """Something that can be put right without a loss."""

    kind: Literal["close", "remove"]  # to other users; a file that nobody will miss
    path: Path

    def __str__(self) -> str:
        return f"{'chmod go=' if self.kind == 'close' else 'rm'} {shlex.quote(str(self.path))}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one check says. `outcome` None: as bad as its check's severity."""

    measured: str
    outcome: Outcome | None = None
    fix: str | None = None  # a command
    details: tuple[str, ...] = ()  # one line for each thing that is not as it should be
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One rule with a stable id; `look` returns None where it does not apply."""

    id: str
    title: str
    severity: Outcome  # the worst that it can say
    wanted: str
    reason: str
    reads: frozenset[Section]  # what of the snapshot it needs beside the stack
    look: Look

    @property
    def docs(self) -> str:
        """Where the check is explained."""
        return f"docs/reference/checks.md#{self.id.lower()}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A check with what it said here."""

    check: Check
    outcome: Outcome
    judgement: Judgement


def well(measured: str) -> Judgement:
    """Say that all is as wanted."""
    return Judgement(measured, Outcome.PASS)


def note(measured: str, fix: str | None = None) -> Judgement:
    """Say something that is worth knowing, and no fault."""
    return Judgement(measured, Outcome.NOTE, fix)


def counted(number: int, noun: str) -> str:
    """Return "1 file", "2 files"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def examine(check: Check, snapshot: Snapshot) -> Finding:
    """Return what a check says about a snapshot."""
    found = check.look(snapshot) or Judgement("does not apply here", Outcome.SKIP)
    return Finding(check, found.outcome or check.severity, found)
