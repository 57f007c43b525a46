"""Commands about the stack: up, down, status, logs, render."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisuite.cli.options import Demo, DryRun, Engine, Offline, Phase, ProfileName, Pull, Session, command, pull_policy

if TYPE_CHECKING:
    from collections.abc import Sequence


def register(app: typer.Typer) -> None:
    """Add these commands to the app, in the order in which help shows them."""
    for one in (up, down, status, logs, render):
        app.command()(one)


@command("up")
def up(
    session: Session,
    phase: Phase = None,
    demo: Demo = False,
    profile: ProfileName = None,
    engine: Engine = None,
    pull: Pull = "missing",
    offline: Offline = False,
    dry_run: DryRun = False,
    keep: Annotated[bool, typer.Option("--keep", help="After a failure leave running what has started.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Start also models that do not fit on the card.")] = False,
) -> int:
    """Start the suite, or bring it to what the profile says now."""
    from aisuite.cli.choice import Choice
    from aisuite.cli.progress import UpProgress
    from aisuite.cli.view import stack as view
    from aisuite.cli.wiring import open_shared, planned, wire
    from aisuite.ops.fetch_images import Pull
    from aisuite.ops.image_lock import read_lock
    from aisuite.ops.up import UpRequest
    from aisuite.ops.up import up as bring_up

    out, policy = session.out, pull_policy("aisuite up --pull", pull, offline=offline)
    suite = wire(Choice(profile, phase, demo, engine), session.project, session.state, offline=offline)
    out.say(view.first_line(suite))
    suite = planned(suite)
    for note in suite.notes:
        out.say(f"note: {note}")
    images = Pull(policy, read_lock(open_shared(Path.cwd())), suite.loaded_as)
    request = UpRequest(
        suite.stack,
        (suite.other,),
        suite.loaded_as,
        suite.cpu_only,
        images,
        dry_run,
        keep,
        suite.card,
        force,
        profile_file=suite.profile_file,
    )
    with UpProgress(out) as progress:
        report = bring_up(request, suite.deps, progress)
    return out.show(view.up_json(report, suite), view.up_text(report, out), report.exit_code)


@command("down")
def down(
    session: Session,
    volumes: Annotated[
        bool, typer.Option("--volumes", "-v", help="Remove what the services have stored, too; asks first.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove it without asking.")] = False,
) -> int:
    """Stop the suite. Data, keys and logs stay."""
    from aisuite.cli.doors import open_data
    from aisuite.cli.view import stack as view
    from aisuite.ops.down import down as bring_down

    unwanted = open_data(session.project, session.state) if volumes else None
    if unwanted is not None and not yes and not _may_remove(unwanted.find(), session):
        return session.out.show({}, "nothing was stopped or removed")
    report = bring_down(session.deps(), unwanted)
    if volumes and not report.removed:
        # A folder that was deleted has taken with it on which engine it was brought up.
        label = f"label=com.docker.compose.project={session.project}"
        session.out.say(f"no data was found; what Docker keeps of such a project: docker volume ls -f {label}")
    return session.out.show(view.down_json(report), view.down_text(report), report.exit_code)


def _may_remove(names: Sequence[str], session: Session) -> bool:
    """Ask the person at the terminal. Raises UsageError when there is none."""
    import sys

    from aisuite.errors import UsageError

    if not names:
        return True
    if session.out.json or not sys.stdin.isatty():
        raise UsageError(f"this would remove {', '.join(names)}; nothing was done", "aisuite down --volumes --yes")
    return typer.confirm(f"Remove {', '.join(names)} for good?", err=True)


@command("status")
def status(session: Session) -> int:
    """Show every service: state, health, URL, process. Exit code 5 when not all are healthy."""
    from aisuite.cli.view import stack as view
    from aisuite.ops.status import status as read_status

    report = read_status(session.deps())
    return session.out.show(view.status_json(report), view.status_text(report, session.out), report.exit_code)


@command("logs")
def logs(
    session: Session,
    services: Annotated[list[str] | None, typer.Argument(help="Names of services; all without any.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")] = False,
    tail: Annotated[int, typer.Option("--tail", "-n", min=0, help="How many of the last lines of each.")] = 100,
) -> int:
    """Print what services have written; of several, each line after its service's name."""
    from aisuite.cli.view import insight as view
    from aisuite.errors import UsageError
    from aisuite.ops.logs import logs as read_logs

    names = services or []
    if session.out.json and follow:
        raise UsageError(
            "--json prints one object, so it cannot follow", " ".join(["aisuite logs", *names, "--follow"])
        )
    lines = read_logs(names, session.deps(), lines=tail, follow=follow)
    if session.out.json:
        return session.out.show(view.logs_json(lines))
    return session.out.follow(view.log_lines(lines, named=len(names) != 1), endless=follow)


@command("render")
def render(
    session: Session,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write into this folder instead of the project's.")
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; show what would change.")] = False,
    phase: Phase = None,
    demo: Demo = False,
    profile: ProfileName = None,
    engine: Engine = None,
) -> int:
    """Write the Compose file, the gateway's and the process engine's configuration, and start nothing."""
    from aisuite.cli.choice import Choice
    from aisuite.cli.view import stack as view
    from aisuite.cli.wiring import open_folder, planned, wire
    from aisuite.ops.render import render as render_files

    suite = planned(wire(Choice(profile, phase, demo, engine), session.project, session.state))
    target = suite.deps.workdir if output is None else open_folder(output)
    report = render_files(suite.rendered, suite.deps.renderer, target, diff=diff)
    return session.out.show(view.render_json(report), view.render_text(report, diff), report.exit_code)
