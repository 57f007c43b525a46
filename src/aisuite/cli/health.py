"""The command that says whether the running suite can do its work: health."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from aisuite.cli.options import Session, command

if TYPE_CHECKING:
    from aisuite.ops.health import HealthRequest

_WATCHED_SAMPLES = 5  # a table that lives for hours shall cost the gateway little


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(health)


@command("health")
def health(
    session: Session,
    deep: Annotated[
        bool, typer.Option("--deep", help="Ask every server of every route for one token, the fallbacks too.")
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", min=0, help="Seconds for services to become healthy, and for models to answer; 0 looks once."
        ),
    ] = 30.0,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show a live table until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option("--interval", min=0.5, help="Seconds between two looks of --watch.")] = 2.0,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Keep the report as evidence, safe to attach to a ticket.")
    ] = False,
) -> int:
    """Say whether the running suite can do its work, and if not, why. Exit code 5 when it is degraded or down."""
    from aisuite.cli.archive_doors import open_shelf
    from aisuite.cli.doors import open_chat
    from aisuite.cli.view import health as view
    from aisuite.ops.health import HealthRequest
    from aisuite.ops.health import health as look

    request = HealthRequest(timeout, deep)
    if watch:
        return _watch(session, request, interval, evidence=evidence)
    if evidence:
        return _record(session, request)
    report = look(request, session.deps(), open_chat(), open_shelf(session))
    return session.out.show(view.health_json(report), view.health_text(report, session.out), report.exit_code)


def _record(session: Session, request: HealthRequest) -> int:
    from aisuite.cli.archive_doors import open_shelf
    from aisuite.cli.doors import open_chat
    from aisuite.cli.output import Output
    from aisuite.cli.recording import about
    from aisuite.cli.view import health as view
    from aisuite.cli.wiring import wire_again
    from aisuite.ops.evidence import recorded
    from aisuite.ops.health import health as look

    suite = wire_again(None, session.project, session.state)
    with recorded(about(suite, "health"), suite.deps) as recording:
        report = look(request, suite.deps, open_chat(), open_shelf(session))
        found = view.health_json(report, recording.id)
        recording.conclude(
            {"exit_code": report.exit_code, **found}, view.health_text(report, Output("health", no_color=True))
        )
    text = f"{view.health_text(report, session.out)}\n\naisuite evidence show {recording.id}"
    return session.out.show(found, text, report.exit_code)


def _watch(session: Session, request: HealthRequest, interval: float, *, evidence: bool) -> int:
    from dataclasses import replace

    from aisuite.cli.archive_doors import open_shelf
    from aisuite.cli.doors import open_chat
    from aisuite.cli.view import health as view
    from aisuite.errors import UsageError
    from aisuite.ops.health import follow_health

    if session.out.json:
        raise UsageError("--json prints one object, so it cannot go on", "aisuite health --json")
    if evidence:
        raise UsageError("--watch has no end, so there is no report of it to keep", "aisuite health --evidence")
    if request.deep:
        raise UsageError("--watch would ask for tokens again and again with --deep", "aisuite health --deep")
    request = replace(request, samples=_WATCHED_SAMPLES)
    reports = follow_health(request, session.deps, open_chat(), open_shelf(session), interval)
    frames = (view.frame(report, session.out, clear=sys.stdout.isatty()) for report in reports)
    return session.out.follow(frames, endless=True)
