"""Reports about the stack: up, down, status, render."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisuite.cli.view.gpu import servers_json, servers_table
from aisuite.cli.view.table import table
from aisuite.errors import DriftError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.cli.output import Output
    from aisuite.cli.wiring import Suite
    from aisuite.drill.model import Undo
    from aisuite.ops.down import DownReport
    from aisuite.ops.render import RenderReport
    from aisuite.ops.status import ServiceStatus, StatusReport
    from aisuite.ops.up import UpReport
    from aisuite.plan.model import Plan
    from aisuite.vram.model import VramPlan


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
        "changed": bool(report.plan or report.repaired) and not report.dry_run,
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
        "rewritten": list(report.rewritten),
        "repaired": [asdict(one) for one in report.repaired],
        "card": _card_json(report.card) if report.card else None,
        "forced": report.forced,
        "measured": servers_json(report.measured),
        "curl": _curl(report),
    }


def _card_json(card: VramPlan) -> dict[str, Any]:
    from aisuite.cli.view.plan import plan_fields

    return plan_fields(card)


def up_text(report: UpReport, out: Output) -> str:
    """A table, what is missing, and one line that works when pasted."""
    if report.dry_run:
        return str(report.plan)
    parts = [_services_table(report.services, out), _meaning(report.services)]
    if report.forced and report.card is not None and not report.card.fits:
        parts += ["", f"FORCED: the models {report.card.verdict.in_words} ({report.card.reasons[-1]})"]
    if report.repaired:
        parts += ["", f"a killed drill had left broken what is repaired now: {_left(report.repaired)}"]
    if report.rewritten:
        parts += ["", f"not as the profile says (edited by hand?), written again: {', '.join(report.rewritten)}"]
    if report.plan and report.stack.gpu_device is not None and report.measured.servers:
        parts += ["", servers_table(report.measured, out)]
    if report.degraded:
        parts += ["", f"DEGRADED: the suite answers, but {_complaint(report)}:"]
        parts += [f"- {err.message}" + (f"\n  fix: {err.hint}" if err.hint else "") for err in report.failures]
    idle = not report.plan and not report.repaired
    verdict = "nothing to do" if idle else "degraded" if report.degraded else "up"
    parts += ["", f"{verdict} in {report.seconds:.1f} s. Try it:", "", f"  {_curl(report)}"]
    return "\n".join(parts)


def _left(repaired: Sequence[Undo]) -> str:
    return ", ".join(dict.fromkeys(f"{one.service} ({one.fault})" for one in repaired))


def _complaint(report: UpReport) -> str:
    if report.exit_code == DriftError.exit_code:
        return "not as it was asked to"
    return "not everything came up"


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
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


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
    faults = [
        f"{one.name}: the engine cannot run its health command: {one.health_fault}"
        for one in report.services
        if one.health_fault
    ]
    return "\n".join([head, _services_table(report.services, out), _meaning(report.services), *faults])


def _services_table(services: Sequence[ServiceStatus], out: Output) -> str:
    rows = [("SERVICE", "STATE", "HEALTH", "READY IN", "RESTARTS", "PID", "URL")]
    for one in services:
        seconds = "-" if one.seconds_to_healthy is None else f"{one.seconds_to_healthy:.1f} s"
        place = str(one.pid or one.container or "-")
        rows.append((one.name, one.state, one.health, seconds, str(one.restarts), place, one.url))
    return table(rows, out)


def _meaning(services: Sequence[ServiceStatus]) -> str:
    """Say whose word "healthy" is: containers have two judges, who may differ."""
    found = Counter(one.engine_health for one in services if one.engine_health is not None)
    if not found:
        return "healthy: it answers our own probe"
    counted = ", ".join(f"{count} {health}" for health, count in sorted(found.items()))
    return f"healthy: it answers our own probe; the engine's own checks say: {counted}"


def down_json(report: DownReport) -> dict[str, Any]:
    """What was stopped, and what was removed."""
    return {
        "stopped": list(report.stopped),
        "seconds": round(report.seconds, 3),
        "removed": list(report.removed),
    }


def down_text(report: DownReport) -> str:
    """What was stopped, or that there was nothing; what was removed."""
    stopped = f"stopped {', '.join(report.stopped)} in {report.seconds:.1f} s" if report.stopped else ""
    if report.removed:
        return "\n".join(line for line in (stopped, *(f"removed {name}" for name in report.removed)) if line)
    return f"{stopped}; data and keys stay" if stopped else "nothing was running"


def render_json(report: RenderReport) -> dict[str, Any]:
    """Folder, files, and which of them changed."""
    return {"folder": report.folder, "files": list(report.files), "changed": list(report.changed), "diff": report.diff}


def render_text(report: RenderReport, diff: bool) -> str:
    """The diff, or the files with a mark at those that changed."""
    if diff:
        return report.diff or "nothing would change"
    lines = [f"{'written  ' if name in report.changed else 'unchanged'}  {name}" for name in report.files]
    return "\n".join([report.folder, *(f"  {line}" for line in lines)])
