"""Reports as people read them, and as JSON. One pair of functions for each report; no decisions."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from aisuite.cli.output import Output
    from aisuite.cli.wiring import Suite
    from aisuite.ops.ask import Piece
    from aisuite.ops.down import DownReport
    from aisuite.ops.index import IndexReport
    from aisuite.ops.models import ModelsReport
    from aisuite.ops.render import RenderReport
    from aisuite.ops.status import ServiceStatus, StatusReport
    from aisuite.ops.up import UpReport
    from aisuite.plan.model import Plan

Source = dict[str, Any]


def first_line(suite: Suite) -> str:
    """Say which engine and which profile, and why: nobody shall wonder what was chosen."""
    stack = suite.stack
    return (
        f"engine {stack.engine} ({suite.engine_why}), profile {stack.profile} ({suite.profile_why}), "
        f"phase {stack.phase}, {len(stack.services)} services, project {stack.project}"
    )


def up_json(report: UpReport, suite: Suite) -> dict[str, Any]:
    """The report of `up`; `changed` says whether there was anything to do."""
    stack = report.stack
    return {
        "engine": stack.engine,
        "engine_why": suite.engine_why,
        "profile": stack.profile,
        "profile_why": suite.profile_why,
        "project": stack.project,
        "phase": stack.phase,
        "notes": list(suite.notes),
        "dry_run": report.dry_run,
        "changed": bool(report.plan) and not report.dry_run,
        "degraded": report.degraded,
        "seconds": round(report.seconds, 3),
        "plan": _plan_json(report.plan),
        "steps": [
            {
                "verb": one.step.verb.value,
                "subject": one.step.subject,
                "status": one.status.value,
                "seconds": round(one.seconds, 3),
            }
            for one in report.results
        ],
        "services": [asdict(service) for service in report.services],
        "failures": [{"message": err.message, "hint": err.hint} for err in report.failures],
        "curl": _curl(report),
    }


def up_text(report: UpReport, out: Output) -> str:
    """A table, what is missing, and one line that works when pasted."""
    if report.dry_run:
        return str(report.plan)
    parts = [_services_table(report.services, out)]
    if report.degraded:
        parts += ["", "DEGRADED: the suite answers, but not everything came up:"]
        parts += [f"- {err.message}" + (f"\n  fix: {err.hint}" if err.hint else "") for err in report.failures]
    verdict = "nothing to do" if not report.plan else "degraded" if report.degraded else "up"
    parts += ["", f"{verdict} in {report.seconds:.1f} s. Try it:", "", f"  {_curl(report)}"]
    return "\n".join(parts)


def _curl(report: UpReport) -> str | None:
    gateway = next((service.url for service in report.services if service.name == "api-gateway"), None)
    if gateway is None or report.header is None:
        return None
    model = report.stack.routes[0].name
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
    # The key is read by curl from its file: it stands neither on the screen nor in the argument list.
    header = shlex.quote(f"@{_short(report.header)}")
    return f"curl -s {gateway}/v1/chat/completions -H {header} -H 'Content-Type: application/json' -d '{body}'"


def _short(path: Path) -> str:
    from pathlib import Path as Paths

    return str(path.relative_to(Paths.cwd())) if path.is_relative_to(Paths.cwd()) else str(path)


def _plan_json(plan: Plan) -> list[dict[str, Any]]:
    return [{"verb": step.verb.value, "subject": step.subject, "cause": step.cause} for step in plan.steps]


def status_json(report: StatusReport) -> dict[str, Any]:
    """All services, in start order."""
    record = report.record
    return {
        "project": record.project if record else None,
        "engine": record.engine if record else None,
        "profile": record.profile if record else None,
        "phase": record.phase if record else None,
        "services": [asdict(service) for service in report.services],
    }


def status_text(report: StatusReport, out: Output) -> str:
    """The table, or that there is nothing."""
    if report.record is None:
        return "nothing is running here; start it with: aisuite up --phase 2"
    head = f"project {report.record.project}: profile {report.record.profile}, engine {report.record.engine}"
    return f"{head}\n{_services_table(report.services, out)}"


def _services_table(services: Sequence[ServiceStatus], out: Output) -> str:
    rows = [("SERVICE", "STATE", "HEALTH", "READY IN", "RESTARTS", "PID", "URL")]
    for one in services:
        seconds = "-" if one.seconds_to_healthy is None else f"{one.seconds_to_healthy:.1f} s"
        place = str(one.pid or one.container or "-")
        rows.append((one.name, one.state, one.health, seconds, str(one.restarts), place, one.url))
    return _table(rows, out)


def _table(rows: Sequence[tuple[str, ...]], out: Output) -> str:
    """Align columns; a terminal also gets colour for the words that matter."""
    import sys

    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    colors = out.colors(sys.stdout)
    lines = []
    for row in rows:
        cells = [_painted(cell, cell.ljust(width), colors) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


_PAINT = {"healthy": "32", "running": "32", "unhealthy": "31;1", "exited": "31;1", "failed": "31;1", "absent": "31;1"}


def _painted(word: str, padded: str, colors: bool) -> str:
    code = _PAINT.get(word)
    return f"\033[{code}m{padded}\033[0m" if colors and code else padded


def down_json(report: DownReport) -> dict[str, Any]:
    """What was stopped."""
    return {"stopped": list(report.stopped), "seconds": round(report.seconds, 3)}


def down_text(report: DownReport) -> str:
    """What was stopped, or that there was nothing."""
    if not report.stopped:
        return "nothing was running"
    return f"stopped {', '.join(report.stopped)} in {report.seconds:.1f} s; data and keys stay"


def render_json(report: RenderReport) -> dict[str, Any]:
    """Folder, files, and which of them changed."""
    return {"folder": report.folder, "files": list(report.files), "changed": list(report.changed), "diff": report.diff}


def render_text(report: RenderReport, diff: bool) -> str:
    """The diff, or the files with a mark at those that changed."""
    if diff:
        return report.diff or "nothing would change"
    lines = [f"{'written  ' if name in report.changed else 'unchanged'}  {name}" for name in report.files]
    return "\n".join([report.folder, *(f"  {line}" for line in lines)])


def ask_json(pieces: Iterable[Piece]) -> dict[str, Any]:
    """The whole answer at once."""
    found = list(pieces)
    model = next((piece.model for piece in found if piece.model), None)
    sources = next((piece.sources for piece in found if piece.sources), ())
    return {"answer": "".join(piece.text for piece in found), "model": model, "sources": list(sources)}


def ask_stream(pieces: Iterable[Piece]) -> Iterator[str]:
    """The answer as it comes, then its sources."""
    sources: Sequence[Source] = ()
    for piece in pieces:
        sources = sources or piece.sources
        yield piece.text
    yield "\n"
    if sources:
        yield sources_text(sources) + "\n"


def sources_text(sources: Sequence[Source]) -> str:
    """Numbered sources, one a line."""
    lines = ["", "sources:"]
    for number, source in enumerate(sources, 1):
        title = f"  {source['title']}" if source.get("title") else ""
        lines.append(f"  [{source.get('n', number)}] {source.get('source')}{title}")
    return "\n".join(lines)


def index_json(report: IndexReport) -> dict[str, Any]:
    """Counts, and what was skipped."""
    skipped = [{"source": source, "reason": reason} for source, reason in report.skipped]
    return {**asdict(report), "skipped": skipped}


def index_text(report: IndexReport) -> str:
    """Counts in one line, then what was skipped and why."""
    lines = [
        f"{report.collection}: {report.documents} documents, {report.chunks} chunks "
        f"({report.unchanged} unchanged, {report.replaced} replaced)"
    ]
    lines += [f"skipped {source}: {reason}" for source, reason in report.skipped]
    return "\n".join(lines)


def models_json(report: ModelsReport) -> dict[str, Any]:
    """Every model file, and what was fetched now."""
    return {"models": [asdict(row) for row in report.models], "pulled": list(report.pulled)}


def models_text(report: ModelsReport, out: Output) -> str:
    """A table of model files."""
    rows = [("MODEL", "STATE", "SIZE", "FROM", "PATH")]
    for row in report.models:
        size = "-" if row.bytes is None else f"{row.bytes / 2**20:,.1f} MiB"
        rows.append((row.model, row.state, size, row.source, str(row.path)))
    return _table(rows, out)
