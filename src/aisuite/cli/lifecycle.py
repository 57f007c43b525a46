"""Commands about a stack that was brought up: restart, eject."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aisuite.cli.options import Demo, Phase, ProfileName, Session, command

Again = Annotated[
    str | None, typer.Option("--profile", help="Path of the profile that is up, where its name alone does not find it.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the app, in the order in which help shows them."""
    for one in (restart, eject):
        app.command()(one)


@command("restart")
def restart(
    session: Session,
    services: Annotated[list[str] | None, typer.Argument(help="Names of services; all without any.")] = None,
    profile: Again = None,
) -> int:
    """Stop and start services with the settings they have, and wait until they are ready."""
    from aisuite.cli.progress import UpProgress
    from aisuite.cli.view import lifecycle as view
    from aisuite.cli.wiring import wire_again
    from aisuite.ops.restart import restart as restart_services

    suite = wire_again(profile, session.project, session.state)
    with UpProgress(session.out) as progress:
        report = restart_services(suite.stack, services or (), suite.deps, progress)
    return session.out.show(view.restart_json(report), view.restart_text(report), report.exit_code)


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
