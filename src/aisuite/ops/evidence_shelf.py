"""`aisuite evidence`: what commands have found out about a project, the newest first."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aisuite.bundle.identity import find_id
from aisuite.errors import UsageError
from aisuite.ops.evidence import FOLDER, SCHEMA, UNDER_WAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from aisuite.ports import Host, Workdir

_KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Kept:
    """One piece of evidence."""

    id: str
    command: str
    began: str  # ISO 8601, UTC
    outcome: str  # "ended", "under way", "killed", "interrupted", or what ended it
    found: str  # its verdict, or its verdicts, counted


@dataclass(frozen=True, slots=True)
class Shown:
    """One piece of evidence, opened."""

    id: str
    folder: Path
    report: Mapping[str, Any]
    text: str  # Markdown


def list_evidence(workdir: Workdir, host: Host) -> tuple[Kept, ...]:
    """Return all that can be read."""
    return tuple(_kept(one, report, host) for one, report in _reports(workdir))


def show_evidence(workdir: Workdir, wanted: str | None = None) -> Shown:
    """Return the one whose id begins so; without it the newest. Raises UsageError."""
    kept = [one for one, _ in _reports(workdir)]
    if not kept:
        raise UsageError(f"there is no evidence in {workdir.folder / FOLDER}", "aisuite failover-drill")
    folder = workdir.folder / FOLDER
    chosen = kept[0] if wanted is None else find_id(kept, wanted, str(folder), "aisuite evidence list", what="report")
    text = workdir.read(f"{FOLDER}/{chosen}/report.md")
    return Shown(chosen, folder / chosen, _read(workdir, chosen) or {}, text or "")


def _reports(workdir: Workdir) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in reversed(workdir.list_folder(FOLDER)):
        report = _read(workdir, one)
        if report is not None:
            yield one, report


def _read(workdir: Workdir, one: str) -> dict[str, Any] | None:
    """Return a report, or None for what is none of ours."""
    try:
        report = json.loads(workdir.read(f"{FOLDER}/{one}/report.json") or "")
    except (ValueError, RecursionError):
        return None
    return report if isinstance(report, dict) and report.get("schema") == SCHEMA else None


def _kept(one: str, report: Mapping[str, Any], host: Host) -> Kept:
    command, began, outcome = (str(report.get(name, "")) for name in ("command", "began", "outcome"))
    if outcome == UNDER_WAY and not host.lives(str(report.get("process"))):
        outcome = _KILLED
    return Kept(one, command, began, outcome, _found(report))


def _found(report: Mapping[str, Any]) -> str:
    """Return the verdict of `health`, the outcomes of `validate-env` counted, or those of a drill's trials."""
    trials, counts = report.get("trials"), report.get("counts")
    if isinstance(counts, dict):
        return _counted(counts)
    if isinstance(trials, list) and trials:
        return _counted(Counter(str(trial.get("outcome")) for trial in trials if isinstance(trial, dict)))
    verdict = report.get("verdict")
    return verdict if isinstance(verdict, str) else ""


def _counted(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
