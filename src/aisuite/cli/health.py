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
) -> int:
    """Say whether the running suite can do its work, and if not, why. Exit code 5 when it is degraded or down."""
    from aisuite.cli.doors import open_chat
    from aisuite.cli.view import health as view
    from aisuite.ops.health import HealthRequest
    from aisuite.ops.health import health as look

    request = HealthRequest(timeout, deep)
    if watch:
        return _watch(session, request, interval)
    report = look(request, session.deps(), open_chat())
    return session.out.show(view.health_json(report), view.health_text(report, session.out), report.exit_code)


def _watch(session: Session, request: HealthRequest, interval: float) -> int:
    from dataclasses import replace

    from aisuite.cli.doors import open_chat
    from aisuite.cli.view import health as view
    from aisuite.errors import UsageError
    from aisuite.ops.health import follow_health

    if session.out.json:
        raise UsageError("--json prints one object, so it cannot go on", "aisuite health --json")
    if request.deep:
        raise UsageError("--watch would ask for tokens again and again with --deep", "aisuite health --deep")
    reports = follow_health(replace(request, samples=_WATCHED_SAMPLES), session.deps, open_chat(), interval)
    frames = (view.frame(report, session.out, clear=sys.stdout.isatty()) for report in reports)
    return session.out.follow(frames, endless=True)
