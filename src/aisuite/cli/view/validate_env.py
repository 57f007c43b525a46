"""The report of validate-env."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from aisuite.preflight.model import Outcome, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.cli.output import Output
    from aisuite.ops.validate_env import ValidateReport
    from aisuite.preflight.model import Finding
    from aisuite.stack.model import Stack

_SIGNS = {Outcome.PASS: "✓", Outcome.NOTE: "i", Outcome.WARN: "!", Outcome.FAIL: "✗", Outcome.SKIP: "-"}
_PAINT = {Outcome.PASS: "32", Outcome.NOTE: "36", Outcome.WARN: "33", Outcome.FAIL: "31;1", Outcome.SKIP: "2"}
_WIDTH = 4  # of the longest word
_SHOWN = 8  # details of one check


def headline(stack: Stack) -> str:
    """What is checked."""
    return (
        f"checking profile {stack.profile} (phase {stack.phase}) on the engine {stack.engine}, project {stack.project}"
    )


def validate_json(report: ValidateReport, stack: Stack, evidence: str | None = None) -> dict[str, Any]:
    """Every check, how many ended how, and under which id they are kept, if they are."""
    return {
        "profile": stack.profile,
        "phase": stack.phase,
        "engine": stack.engine,
        "project": stack.project,
        "strict": report.strict,
        "counts": {outcome.value: report.count(outcome) for outcome in Outcome},
        "repaired": [str(one) for one in report.repaired],
        "checks": [_row(one) for one in report.findings],
        "evidence": evidence,
    }


def _row(finding: Finding) -> dict[str, Any]:
    check, said = finding.check, finding.judgement
    return {
        "id": check.id,
        "title": check.title,
        "severity": check.severity.value,
        "outcome": finding.outcome.value,
        "measured": said.measured,
        "wanted": check.wanted,
        "details": list(said.details),
        "fix": said.fix if finding.outcome is not Outcome.PASS else None,
        "docs": check.docs,
        "fixable": [str(one) for one in said.repairs],
    }


def validate_text(report: ValidateReport, out: Output) -> str:
    """A line for each check that applies, with what to do about those that are not well; then a summary."""
    colors = out.colors(sys.stdout)
    lines = [line for one in report.findings if one.outcome is not Outcome.SKIP for line in _lines(one, colors)]
    return "\n".join([*lines, "", _summary(report)])


def _lines(finding: Finding, colors: bool) -> Iterator[str]:
    check, said, outcome = finding.check, finding.judgement, finding.outcome
    word = f"{_SIGNS[outcome]} {outcome.value.upper().ljust(_WIDTH)}"
    word = f"\033[{_PAINT[outcome]}m{word}\033[0m" if colors else word
    yield f"{word}  {check.id.ljust(12)}{check.title}: {said.measured}"
    if outcome is Outcome.PASS:
        return
    for detail in said.details[:_SHOWN]:
        yield f"          {detail}"
    if len(said.details) > _SHOWN:
        yield f"          and {len(said.details) - _SHOWN} more: --json lists all"
    if outcome in {Outcome.WARN, Outcome.FAIL}:
        yield f"          wanted: {check.wanted}"
    if said.fix is not None:
        yield f"          fix: {said.fix}"
    if outcome in {Outcome.WARN, Outcome.FAIL}:
        yield f"          see: {check.docs}"


def _summary(report: ValidateReport) -> str:
    failed, warned, noted = (report.count(one) for one in (Outcome.FAIL, Outcome.WARN, Outcome.NOTE))
    words = (
        f"{report.count(Outcome.PASS)} passed",
        f"{failed} failed" if failed else "",
        counted(warned, "warning") if warned else "",
        counted(noted, "note") if noted else "",
    )
    counts = ", ".join(filter(None, words))
    verdict = "this machine cannot run the stack as it is" if report.exit_code else "ready"
    return f"{verdict}: {counts}"
