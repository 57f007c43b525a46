"""`aisuite evidence`: what commands have found out about a project, the newest first."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aisuite.errors import UsageError
from aisuite.ops.evidence import FOLDER, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aisuite.ports import Workdir


@dataclass(frozen=True, slots=True)
class Kept:
    """One piece of evidence."""

    id: str
    command: str
    began: str  # ISO 8601, UTC
    outcome: str  # "ended", "under way" (or killed), "interrupted", or what ended it
    found: str  # its verdicts, counted


@dataclass(frozen=True, slots=True)
class Shown:
    """One piece of evidence, opened."""

    id: str
    folder: Path
    report: Mapping[str, Any]
    text: str  # Markdown


def list_evidence(workdir: Workdir) -> tuple[Kept, ...]:
    """Return all that can be read."""
    found = ((one, _read(workdir, one)) for one in reversed(workdir.list_folder(FOLDER)))
    return tuple(_kept(one, report) for one, report in found if report is not None)


def show_evidence(workdir: Workdir, wanted: str | None = None) -> Shown:
    """Return the one whose id begins so; without it the newest. Raises UsageError."""
    kept = [one.id for one in list_evidence(workdir)]
    if not kept:
        raise UsageError(f"there is no evidence in {workdir.folder / FOLDER}", "aisuite failover-drill")
    chosen = [one for one in kept if one == wanted] or [one for one in kept if one.startswith(wanted or "")]
    if not chosen or (wanted is not None and len(chosen) > 1):
        many = f"{len(chosen)} ids begin with {wanted!r}" if chosen else f"there is no evidence {wanted!r}"
        raise UsageError(many, "aisuite evidence list")
    report = _read(workdir, chosen[0])
    text = workdir.read(f"{FOLDER}/{chosen[0]}/report.md")
    return Shown(chosen[0], workdir.folder / FOLDER / chosen[0], report or {}, text or "")


def _read(workdir: Workdir, one: str) -> dict[str, Any] | None:
    """Return a report, or None for what is none of ours."""
    try:
        report = json.loads(workdir.read(f"{FOLDER}/{one}/report.json") or "")
    except (ValueError, RecursionError):
        return None
    return report if isinstance(report, dict) and report.get("schema") == SCHEMA else None


def _kept(one: str, report: Mapping[str, Any]) -> Kept:
    trials = report.get("trials")
    outcomes = [trial.get("outcome") for trial in trials if isinstance(trial, dict)] if isinstance(trials, list) else []
    verdicts = ", ".join(f"{count} {outcome}" for outcome, count in Counter(map(str, outcomes)).items())
    command, began, outcome = (str(report.get(name, "")) for name in ("command", "began", "outcome"))
    return Kept(one, command, began, outcome, verdicts)
