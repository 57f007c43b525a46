"""The command that breaks the suite on purpose: failover-drill, or drill."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisuite.cli.options import Session, command

if TYPE_CHECKING:
    from aisuite.cli.drilling import Wanted
    from aisuite.cli.wiring import Suite
    from aisuite.drill.model import Trial
    from aisuite.ops.failover_drill import DrillEvent

Again = Annotated[
    str | None, typer.Option("--profile", help="Path of the profile that is up, where its name alone does not find it.")
]


def register(app: typer.Typer) -> None:
    """Add the command under both of its names."""
    app.command("failover-drill")(failover_drill)
    app.command("drill", hidden=True)(failover_drill)


@command("failover-drill")
def failover_drill(
    session: Session,
    only: Annotated[
        str | None, typer.Option("--only", metavar="A,B", help="These faults; error means every error-... .")
    ] = None,
    repeat: Annotated[int, typer.Option("--repeat", min=1, max=100, help="Make each fault so often.")] = 1,
    duration: Annotated[
        float | None, typer.Option("--duration", min=1, help="Seconds that each fault is watched; else the profile's.")
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", min=1, help="Clients that wait for whole answers; else the profile's."),
    ] = None,
    streams: Annotated[
        int | None, typer.Option("--streams", min=0, help="Clients that read streams; else the profile's.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="OLD.json", help="Show an earlier --json report beside it.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List all faults, and which can be made here.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be broken; break nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Repair what a killed drill has left broken.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also while other clients are active.")] = False,
    profile: Again = None,
) -> int:
    """Break one thing after another under load, repair it, and judge what clients saw."""
    from aisuite.cli.drilling import Wanted, faults_of, read_old
    from aisuite.cli.view import drill as view
    from aisuite.ops.record import read_record

    wanted = Wanted(only, repeat, duration, concurrency, streams, force)
    faults = faults_of(only)  # a typo is told before anything else is looked at
    old = () if compare is None else read_old(compare)
    if list_ and read_record(session.deps().workdir) is None:
        return session.out.show(view.catalogue_json(faults), view.catalogue_text(faults, session.out))
    suite = _wired(session, profile)
    if undo:
        return _undo(session, suite)
    if list_ or dry_run:
        return _rehearse(session, wanted, suite)
    return _run(session, wanted, suite, old)


def _wired(session: Session, profile: str | None) -> Suite:
    from aisuite.cli.wiring import wire_again

    return wire_again(profile, session.project, session.state)


def _undo(session: Session, suite: Suite) -> int:
    from aisuite.cli.view import drill as view
    from aisuite.ops.failover_drill import undo_drill

    undone = undo_drill(suite.stack, suite.deps)
    return session.out.show(view.undo_json(undone), view.undo_text(undone))


def _rehearse(session: Session, wanted: Wanted, suite: Suite) -> int:
    from aisuite.cli.drilling import open_doors, request_of
    from aisuite.cli.view import drill as view
    from aisuite.ops.failover_drill import plan_drill

    planned = plan_drill(request_of(wanted, suite), suite.deps, open_doors(suite))
    return session.out.show(view.plan_json(planned), view.plan_text(planned, session.out))


def _run(session: Session, wanted: Wanted, suite: Suite, old: tuple[Trial, ...]) -> int:
    from dataclasses import replace

    from aisuite.cli.drilling import open_doors, request_of
    from aisuite.cli.recording import about_drill
    from aisuite.cli.view import drill as view
    from aisuite.ops.evidence import recorded
    from aisuite.ops.failover_drill import drill

    def tell(event: DrillEvent) -> None:
        session.out.say(view.event_line(event))

    request = request_of(wanted, suite)
    with recorded(about_drill(suite, request), suite.deps) as recording:
        report = drill(request, suite.deps, replace(open_doors(suite), keep=recording.keep), tell)
        found = {**view.report_json(report, old), "evidence": recording.id}
        recording.conclude({"exit_code": report.exit_code, **found})
    text = f"{view.report_text(report, old, session.out)}\n\naisuite evidence show {recording.id}"
    return session.out.show(found, text, report.exit_code)
