"""Commands about model files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aisuite.cli.options import Demo, Phase, ProfileName, Session, command

if TYPE_CHECKING:
    from aisuite.cli.wiring import Suite

models = typer.Typer(help="Model files: which are needed, and fetching them.", rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    models.command("list")(list_)
    models.command("pull")(pull)
    app.add_typer(models, name="models", no_args_is_help=True)


@command("models.list")
def list_(session: Session, phase: Phase = None, profile: ProfileName = None, demo: Demo = False) -> int:
    """Show every model file of a profile: where it lies, where it comes from, whether it is here."""
    from aisuite.cli.view import client as view
    from aisuite.ops.models import list_models

    report = list_models(_suite(session, phase, profile, demo).stack)
    return session.out.show(view.models_json(report), view.models_text(report, session.out), report.exit_code)


@command("models.pull")
def pull(
    session: Session,
    phase: Phase = None,
    profile: ProfileName = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch again what is here, too.")] = False,
) -> int:
    """Fetch the model files that are missing. An interrupted download goes on where it stopped."""
    from aisuite.cli.doors import open_hub
    from aisuite.cli.progress import PullProgress
    from aisuite.cli.view import client as view
    from aisuite.ops.models import pull_models

    suite = _suite(session, phase, profile, demo=False)
    with PullProgress(session.out) as progress:
        report = pull_models(suite.stack, open_hub(), force=force, progress_for=progress.line)
    return session.out.show(view.models_json(report), view.models_text(report, session.out), report.exit_code)


def _suite(session: Session, phase: int | None, profile: str | None, demo: bool) -> Suite:
    from aisuite.cli.choice import Choice
    from aisuite.cli.wiring import wire

    return wire(Choice(profile, phase, demo, None), session.project, session.state)
