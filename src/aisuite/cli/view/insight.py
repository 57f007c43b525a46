"""Reports of those who look closer: ps, top, events, logs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aisuite.cli.view.table import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aisuite.cli.output import Output
    from aisuite.ops.ps import PsReport
    from aisuite.ops.top import TopReport
    from aisuite.ports import EngineEvent

_LONGEST = 60  # characters of a command
_MIB = 2**20


def ps_json(report: PsReport) -> dict[str, Any]:
    """Every service that was asked for."""
    services = [{**asdict(one), "started_at": _moment(one.started_at)} for one in report.services]
    return {"services": services, "hidden": report.hidden}


def ps_text(report: PsReport, out: Output) -> str:
    """A table, and how many are not in it."""
    rows = [("SERVICE", "NAME", "STATE", "STARTED", "IMAGE", "COMMAND", "PORTS")]
    for one in report.services:
        more = one.health if one.exit_code is None else one.exit_code
        state = one.state if more is None else f"{one.state} ({more})"
        started = _moment(one.started_at) or "-"
        rows.append(
            (one.service, one.name, state, started, one.image or "-", _cut(one.command), ", ".join(one.ports) or "-")
        )
    hidden = f"\n{report.hidden} do not run: aisuite ps --all" if report.hidden else ""
    return table(rows, out) + hidden if report.services else "nothing is running" + hidden


def top_json(report: TopReport) -> dict[str, Any]:
    """The processes of each service."""
    return {"services": {name: [asdict(task) for task in tasks] for name, tasks in report.services.items()}}


def top_text(report: TopReport, out: Output) -> str:
    """One table of all processes."""
    rows = [("SERVICE", "PID", "USER", "CPU", "MEMORY", "TIME", "COMMAND")]
    rows += [
        (name, str(one.pid), one.user, f"{one.cpu_percent:.1f} %", f"{one.memory / _MIB:.1f} MiB", _clock(one.seconds),
         _cut(one.command))
        for name, tasks in report.services.items()
        for one in tasks
    ]  # fmt: skip
    return table(rows, out) if len(rows) > 1 else "nothing is running"


def events_json(events: Iterable[EngineEvent]) -> dict[str, Any]:
    """Every event, oldest first."""
    return {"events": [{**asdict(one), "at": _moment(one.at)} for one in events]}


def event_line(event: EngineEvent) -> str:
    """One line of a log."""
    words = (_moment(event.at), event.service, event.what, event.detail)
    return " ".join(word for word in words if word) + "\n"


def logs_json(lines: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The lines of each service."""
    found: dict[str, list[str]] = {}
    for service, line in lines:
        found.setdefault(service, []).append(line)
    return {"logs": [{"service": service, "lines": said} for service, said in found.items()]}


def log_lines(lines: Iterable[tuple[str, str]], *, named: bool) -> Iterator[str]:
    """Each line, after its service's name when there are several."""
    width = 0
    for service, line in lines:
        width = max(width, len(service))
        yield f"{service.ljust(width)} | {line}\n" if named else f"{line}\n"


def _moment(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
