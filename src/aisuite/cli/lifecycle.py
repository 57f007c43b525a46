"""Commands about a stack that was brought up, and what stays of it: restart, watch, eject, clean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisuite.cli.options import Demo, Phase, ProfileName, Session, command

if TYPE_CHECKING:
    from aisuite.ops.watch import Watch

Again = Annotated[
    str | None, typer.Option("--profile", help="Path of the profile that is up, where its file has moved since.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the app, in the order in which help shows them."""
    for one in (restart, watch, eject, clean):
        app.command()(one)


@command("restart")
def restart(
    session: Session,
    services: Annotated[list[str] | None, typer.Argument(help="Names of services; all without any.")] = None,
    profile: Again = None,
) -> int:
    """Stop and start services with the settings they have, and wait until they are ready."""
    from aisuite.cli.generation_doors import open_what_runs
    from aisuite.cli.progress import UpProgress
    from aisuite.cli.view import lifecycle as view
    from aisuite.ops.restart import restart as restart_services

    stack, deps = open_what_runs(session, profile)
    with UpProgress(session.out) as progress:
        report = restart_services(stack, services or (), deps, progress)
    return session.out.show(view.restart_json(report), view.restart_text(report), report.exit_code)


@command("watch")
def watch(
    session: Session,
    once: Annotated[bool, typer.Option("--once", help="Look once, start again what is down, and end.")] = False,
    interval: Annotated[float, typer.Option("--interval", min=0.5, help="Seconds between two looks.")] = 3.0,
    hung_after: Annotated[
        float, typer.Option("--hung-after", min=1, help="Seconds after which a service that runs unready is restarted.")
    ] = 60.0,
    install: Annotated[
        bool, typer.Option("--install", help="Print a systemd user unit that does this; install nothing.")
    ] = False,
    profile: Again = None,
) -> int:
    """Start again what died from outside or hangs, until Ctrl-C; events go to the project's events/watch.jsonl."""
    from aisuite.cli.view import lifecycle as view
    from aisuite.errors import UsageError

    if install:
        return _print_unit(session, interval, hung_after, profile)
    if session.out.json and not once:
        raise UsageError("--json prints one object, so it cannot go on", "aisuite watch --once --json")
    supervisor = _supervisor(session, hung_after, profile)
    if once:
        report = supervisor.once()
        return session.out.show(view.watch_json(report), view.watch_text(report), report.exit_code)
    try:
        supervisor.forever(interval)
    except KeyboardInterrupt:
        return 0  # the usual way to end it


def _supervisor(session: Session, hung_after: float, profile: str | None) -> Watch:
    from aisuite.cli.doors import open_journal
    from aisuite.cli.generation_doors import open_what_runs
    from aisuite.cli.view.lifecycle import event_line
    from aisuite.ops.watch import Watch
    from aisuite.plan.supervise import Patience

    deps = session.deps()
    return Watch(
        deps.workdir,
        deps.clock,
        lambda: open_what_runs(session, profile),
        open_journal(deps.workdir.folder),
        Patience(hung_after=hung_after),
        lambda event: session.out.say(event_line(event)),
    )


def _print_unit(session: Session, interval: float, hung_after: float, profile: str | None) -> int:
    import sys

    from aisuite.cli.view.lifecycle import unit_text

    words = [sys.executable, "-m", "aisuite", "watch", "--project", session.project]
    words += ["--state", str(session.state.absolute()), f"--interval={interval:g}", f"--hung-after={hung_after:g}"]
    words += ["--profile", profile] if profile is not None else []
    text = unit_text(session.project, words, Path.cwd())
    return session.out.show({"unit": text}, text)


@command("eject")
def eject(
    session: Session,
    folder: Annotated[Path, typer.Argument(help="A new or empty folder, or one of an earlier eject.")],
    phase: Phase = None,
    profile: ProfileName = None,
    demo: Demo = False,
) -> int:
    """Write a folder that runs with `docker compose up` alone: Compose file, configuration, keys, demo models."""
    from aisuite.cli.choice import Choice
    from aisuite.cli.view import lifecycle as view
    from aisuite.cli.wiring import wire_alone
    from aisuite.ops.eject import eject as write_folder

    stack, deps = wire_alone(Choice(profile, phase, demo, None), session.project, folder)
    report = write_folder(stack, deps)
    return session.out.show(view.eject_json(report), view.eject_text(report), report.exit_code)


@command("clean")
def clean(
    session: Session,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove it; without this it is only listed.")] = False,
) -> int:
    """List what former versions have made on this machine and this one does not use, and remove it with --yes."""
    from aisuite.cli.doors import open_leftovers
    from aisuite.cli.view import lifecycle as view
    from aisuite.ops.clean import clean as clean_up

    report = clean_up(open_leftovers(), remove=yes)
    return session.out.show(view.clean_json(report), view.clean_text(report, session.out), report.exit_code)
