"""Commands about evidence: what a drill, say, has found out and kept."""

from __future__ import annotations

from typing import Annotated

import typer

from aisuite.cli.options import Session, command

evidence = typer.Typer(help="What drills and checks have found out, kept as files.", rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    for function in (list_, show):
        evidence.command(function.__name__.rstrip("_"))(function)
    app.add_typer(evidence, name="evidence", no_args_is_help=True)


@command("evidence.list")
def list_(session: Session) -> int:
    """List all evidence of the project, the newest first."""
    from aisuite.cli.view import evidence as view
    from aisuite.ops.evidence_shelf import list_evidence

    deps = session.deps()
    kept = list_evidence(deps.workdir, deps.host)
    return session.out.show(view.list_json(kept), view.list_text(kept, session.out))


@command("evidence.show")
def show(
    session: Session,
    report: Annotated[
        str | None, typer.Argument(metavar="[REPORT]", help="Its id, or how that begins; without it the newest.")
    ] = None,
) -> int:
    """Print one report as Markdown, and where its files lie."""
    from aisuite.cli.view import evidence as view
    from aisuite.ops.evidence_shelf import show_evidence

    shown = show_evidence(session.deps().workdir, report)
    return session.out.show(view.show_json(shown), view.show_text(shown))
