"""The report of `aisuite health`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aisuite.cli.view.table import table
from aisuite.errors import AisuiteError
from aisuite.ops.health_judge import Outcome

if TYPE_CHECKING:
    from aisuite.cli.output import Output
    from aisuite.ops.health import HealthReport
    from aisuite.ops.health_judge import Finding, Sighting

_SIGNS = {Outcome.PASS: "✓", Outcome.NOTE: "i", Outcome.FAIL: "✗"}
_PAINT = {Outcome.PASS: "32", Outcome.NOTE: "36", Outcome.FAIL: "31;1"}
_CLEAR = "\033[H\033[2J"


def health_json(report: HealthReport, evidence: str | None = None) -> dict[str, Any]:
    """The verdict, all services and all findings, and under which id they are kept, if they are."""
    return {
        "project": report.record.project,
        "engine": report.record.engine,
        "verdict": report.verdict.value,
        "seconds": round(report.seconds, 3),
        "services": [_service_json(one) for one in report.services],
        "findings": [asdict(one) for one in report.findings],
        "evidence": evidence,
    }


def _service_json(seen: Sighting) -> dict[str, Any]:
    body = asdict(seen)
    errors = body.pop("errors")
    seconds = None if seen.seconds is None else round(seen.seconds, 4)
    return {**body, "state": seen.state or "absent", "seconds": seconds, "log_errors": errors["count"]}


def health_text(report: HealthReport, out: Output) -> str:
    """A table of the services, what else was found, and the verdict with its reasons."""
    rows = [("SERVICE", "STATE", "HEALTH", "ANSWERS IN", "RESTARTS", "ERRORS", "NEEDS"), *map(_row, report.services)]
    # That a service is ready stands in the table.
    closer = [one for one in report.findings if one.check != "ready" or one.outcome is not Outcome.PASS]
    return "\n".join([table(rows, out), "", *(_line(one, out) for one in closer), "", _summary(report)])


def _row(seen: Sighting) -> tuple[str, ...]:
    asked = seen.alive is not None
    health = ("healthy" if seen.ready else "unhealthy" if seen.alive else "silent") if asked else "-"
    seconds = "-" if seen.seconds is None else f"{seen.seconds * 1000:.0f} ms"
    needs = ", ".join(name if state == "ok" else f"{name} (!)" for name, state in seen.dependencies.items())
    return (
        seen.name, seen.state or "absent", health, seconds, str(seen.restarts), str(seen.errors.count), needs or "-",
    )  # fmt: skip


def _line(finding: Finding, out: Output) -> str:
    outcome = finding.outcome
    word = f"{_SIGNS[outcome]} {outcome.upper()}"
    word = f"\033[{_PAINT[outcome]}m{word}\033[0m" if out.colors(sys.stdout) else word
    fix = f"\n        fix: {finding.fix}" if finding.fix and outcome is Outcome.FAIL else ""
    return f"{word}  {finding.subject}: {finding.words}{fix}"


def _summary(report: HealthReport) -> str:
    seconds = f"{report.seconds:.1f} s"
    if not report.exit_code:
        return f"healthy (looked for {seconds})"
    subjects = ", ".join(dict.fromkeys(one.subject for one in report.failed))
    return f"{report.verdict.upper()} (looked for {seconds}): {subjects}"


def frame(report: HealthReport | AisuiteError, out: Output, *, clear: bool) -> str:
    """One picture of the live table; on a terminal it takes the place of the one before."""
    text = report.message if isinstance(report, AisuiteError) else health_text(report, out)
    return f"{_CLEAR if clear else ''}{text}\n" + ("" if clear else "\n")
