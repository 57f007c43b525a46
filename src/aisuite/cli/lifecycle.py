"""Commands about a stack that was brought up: restart."""

from __future__ import annotations

from typing import Annotated

import typer

from aisuite.cli.options import Session, command

Again = Annotated[
    str | None, typer.Option("--profile", help="Path of the profile that is up, where its name alone does not find it.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the app, in the order in which help shows them."""
    for one in (restart,):
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
