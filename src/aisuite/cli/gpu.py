"""The command that shows the cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aisuite.cli.options import Session, command

if TYPE_CHECKING:
    from aisuite.ports import Deps


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(gpu)


@command("gpu")
def gpu(
    session: Session,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every 2 seconds until Ctrl-C.")] = False,
    metrics: Annotated[bool, typer.Option("--metrics", help="Print the figures as Prometheus reads them.")] = False,
) -> int:
    """Show the cards, who uses their memory, and what each model server takes against its plan."""
    from aisuite.cli.view import gpu as view
    from aisuite.errors import UsageError
    from aisuite.ops.gpu import gpu as look

    if session.out.json + watch + metrics > 1:
        raise UsageError("of --json, --watch and --metrics only one can be meant", "aisuite gpu --watch")
    deps = session.deps()
    if watch:
        return _watch(session, deps)
    report = look(deps)
    text = view.gpu_metrics(report) if metrics else view.gpu_text(report, session.out)
    return session.out.show(view.gpu_json(report), text)


def _watch(session: Session, deps: Deps) -> int:
    import sys

    from aisuite.cli.view import gpu as view
    from aisuite.ops.gpu import watch_gpu

    clear = "\033[H\033[2J" if sys.stdout.isatty() else ""
    try:
        return session.out.stream(f"{clear}{view.gpu_text(one, session.out)}\n\n" for one in watch_gpu(deps))
    except KeyboardInterrupt:
        return 0  # the usual way to end it
