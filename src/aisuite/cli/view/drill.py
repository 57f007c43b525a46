"""The reports of `failover-drill`."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from aisuite.cli.view.table import table
from aisuite.drill.model import Outcome
from aisuite.drill.summary import compare, summarize
from aisuite.ops.failover_drill import WHOLE_MATRIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aisuite.cli.output import Output
    from aisuite.drill.model import Fault, Tolerance, Trial, Undo
    from aisuite.drill.summary import Compared, Spread, Summary
    from aisuite.ops.failover_drill import DrillEvent, DrillReport, Planned

# Figure -> its column; those that tell most of what a client notices.
_COLUMNS = {
    "plain_success": "SUCCESS",
    "p99_added": "P99 ADDED",
    "first_good": "FIRST GOOD",
    "healthy_again": "HEALTHY",
    "back_on_first": "BACK",
    "recovers": "RECOVERS",
}
_SHARES = frozenset({"plain_success", "streams_marked", "streams_whole", "first_before"})


def catalogue_json(faults: Iterable[Fault]) -> dict[str, Any]:
    """All faults with their bounds; whether they can be made is known when a stack is up."""
    return {"faults": [_fault_json(fault) for fault in faults]}


def catalogue_text(faults: Iterable[Fault], out: Output) -> str:
    """A table of all faults."""
    rows = [("FAULT", "SERVICE", "WHAT"), *((fault.name, fault.subject, fault.what) for fault in faults)]
    return table(rows, out) + "\n\nnothing is up: which of them can be made here is told after `aisuite up`"


def plan_json(planned: Iterable[Planned]) -> dict[str, Any]:
    """Every fault as it would be made, and why it cannot be, if it cannot."""
    return {
        "faults": [
            {
                **_fault_json(one.fault),
                "services": list(one.services),
                "seconds": one.seconds,
                "why_not": one.why_not,
            }
            for one in planned
        ]
    }


def plan_text(planned: Sequence[Planned], out: Output) -> str:
    """A table of what would be broken, and how long it takes in all."""
    rows = [("FAULT", "SERVICES", "SECONDS", "WHAT")]
    for one in planned:
        what = one.fault.what if one.why_not is None else f"{Outcome.NOT_AVAILABLE}: {one.why_not}"
        rows.append((one.fault.name, ", ".join(one.services) or "-", f"{one.seconds:g}", what))
    made = [one for one in planned if one.why_not is None]
    total = sum(one.seconds for one in made)
    return table(rows, out) + f"\n\n{len(made)} of {len(planned)} can be made here: {total / 60:.0f} min, and recovery"


def event_line(event: DrillEvent) -> str:
    """One line of progress."""
    return f"[{event.number}/{event.of}] {event.fault}: {event.what}"


def undo_json(undone: Iterable[Undo]) -> dict[str, Any]:
    """What was repaired."""
    return {"undone": [asdict(one) for one in undone]}


def undo_text(undone: Sequence[Undo]) -> str:
    """What was repaired, one line each."""
    return "\n".join(f"{one.fault}: {one.action} of {one.service} is undone" for one in undone) or "nothing is broken"


def report_json(report: DrillReport, old: Sequence[Trial] = ()) -> dict[str, Any]:
    """Every trial, what they come to, and what has changed since an older drill."""
    found: dict[str, Any] = {
        "success": report.success,
        "seconds": round(report.seconds, 3),
        "summary": [asdict(one) for one in summarize(report.trials)],
        "trials": [asdict(one) for one in report.trials],
    }
    if old:
        found["compared"] = [{**asdict(one), "worse": one.worse} for one in compare(old, report.trials)]
    return found


def report_text(report: DrillReport, old: Sequence[Trial], out: Output) -> str:
    """A table with a row for each fault, why those that did not pass did not, and the whole matrix."""
    found = summarize(report.trials)
    parts = [table([("FAULT", "VERDICT", *_COLUMNS.values()), *map(_row, found)], out)]
    reasons = dict.fromkeys(one.why for one in found if one.outcome is not Outcome.PASS)
    why = [f"{', '.join(one.fault for one in found if one.why == reason)}: {reason}" for reason in reasons]
    parts += ["\n".join(why)] if why else []
    if old:
        parts.append("\n".join(_change(one) for one in compare(old, report.trials)))
    if report.success is not None:
        parts.append(
            f"{report.success:.2%} of the plain requests succeeded outside outages (wanted {WHOLE_MATRIX:.1%}), "
            f"in {report.seconds / 60:.1f} min"
        )
    return "\n\n".join(parts)


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {
        "fault": fault.name,
        "what": fault.what,
        "subject": fault.subject,
        "action": fault.action,
        "bounds": _bounds(fault.tolerance),
    }


def _bounds(tolerance: Tolerance) -> dict[str, float]:
    named = ((one.name, getattr(tolerance, one.name)) for one in fields(tolerance))
    return {name: bound for name, bound in named if bound is not None}


def _row(summary: Summary) -> tuple[str, ...]:
    shown = {"plain_success", *summary.bounds}  # what is not judged says little: how long a held fault was held
    runs = f" ({summary.passed} of {summary.runs} passed)" if summary.runs > 1 else ""
    cells = (_cell(name, summary.figures.get(name) if name in shown else None) for name in _COLUMNS)
    return (summary.fault, f"{summary.outcome}{runs}", *cells)


def _cell(name: str, spread: Spread | None) -> str:
    """Write one figure, of several trials the least, the median and the most."""
    if spread is None:
        return "-"
    values = dict.fromkeys(_written(name, one) for one in (spread.least, spread.median, spread.most))
    return " / ".join(values) if len(values) > 1 else next(iter(values))


def _written(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2%}" if name in _SHARES else f"{value:.2f}"


def _change(one: Compared) -> str:
    """Say how a fault was borne, then and now."""
    if one.old is None:
        return f"{one.fault}: {one.new}; it was not made then"
    verdict = f"{one.old} -> {one.new}" + (" (worse)" if one.worse else "") if one.old != one.new else f"{one.new}"
    moved = [
        f"{name} {_written(name, old)} -> {_written(name, new)}"
        for name, (old, new) in one.medians.items()
        if old != new
    ]
    return f"{one.fault}: {verdict}" + (f"; {', '.join(moved)}" if moved else "")
