"""Commands that look closer at what runs: ps, top, events, exec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aisuite.cli.options import Session, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.ports import Insight, Workdir

Services = Annotated[list[str] | None, typer.Argument(help="Names of services; all without any.")]
# As with `docker compose exec`: what comes after the service is the command's own, dashes too.
_COMMAND_FOLLOWS = {"allow_interspersed_args": False}


def register(app: typer.Typer) -> None:
    """Add these commands to the app, in the order in which help shows them."""
    for one in (ps, top, events):
        app.command()(one)
    app.command("exec", context_settings=_COMMAND_FOLLOWS)(exec_)


@command("ps")
def ps(
    session: Session,
    services: Services = None,
    stopped: Annotated[bool, typer.Option("--all", "-a", help="Those that do not run, too.")] = False,
) -> int:
    """List services as their engine knows them: image, command, ports; asks no service anything."""
    from aisuite.cli.view import insight as view
    from aisuite.ops.ps import ps as list_services

    report = list_services(services or (), *_opened(session), stopped=stopped)
    return session.out.show(view.ps_json(report), view.ps_text(report, session.out), report.exit_code)


@command("top")
def top(session: Session, services: Services = None) -> int:
    """Show the processes of each service: CPU, memory, command."""
    from aisuite.cli.view import insight as view
    from aisuite.ops.top import top as list_tasks

    report = list_tasks(services or (), *_opened(session))
    return session.out.show(view.top_json(report), view.top_text(report, session.out), report.exit_code)


@command("events")
def events(
    session: Session,
    services: Services = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DURATION", help="Begin with what happened in the last 30s, 10m, 1h."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print what has happened (--since, or 1h), and end.")] = False,
) -> int:
    """Print what happens to the services as the engine notes it, until Ctrl-C."""
    from aisuite.cli.view import insight as view
    from aisuite.errors import UsageError
    from aisuite.ops.events import events as read_events

    if session.out.json and not once:
        raise UsageError("--json prints one object, so it cannot go on", "aisuite events --once --json")
    back = _seconds(since or ("1h" if once else "0s"))
    clock = session.deps().clock
    found = read_events(services or (), *_opened(session), clock, back=back, follow=not once)
    if session.out.json:
        return session.out.show(view.events_json(found))
    return session.out.follow(map(view.event_line, found), endless=not once)


@command("exec")
def exec_(
    session: Session,
    service: Annotated[str, typer.Argument(help="Name of the service, as `aisuite status` shows it.")],
    words: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="The command and its own arguments.")],
    no_tty: Annotated[bool, typer.Option("--no-tty", "-T", help="No terminal for it, although there is one.")] = False,
) -> int:
    """Run a command beside a service: in its container, or with a local one's variables and folder.

    The exit code is the command's own. Options of `exec` stand before the service.
    """
    import sys

    from aisuite.errors import UsageError
    from aisuite.ops.exec import execute
    from aisuite.ports import Streams

    insight, workdir = _opened(session)
    words = words[1:] if words[0] == "--" else words
    if not words:
        raise UsageError("no command was given", f"aisuite exec {service} -- env")
    if session.out.json:
        return _captured(service, words, insight, workdir, session)
    terminal = not no_tty and all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    sys.stdout.flush()
    return execute(service, words, Streams(0, 1, 2, terminal), insight, workdir)


def _captured(service: str, words: Sequence[str], insight: Insight, workdir: Workdir, session: Session) -> int:
    """Run the command without input, and report what it wrote."""
    from pathlib import Path
    from tempfile import TemporaryFile

    from aisuite.ops.exec import execute
    from aisuite.ports import Streams

    with Path("/dev/null").open("rb") as nothing, TemporaryFile() as out, TemporaryFile() as err:
        streams = Streams(nothing.fileno(), out.fileno(), err.fileno())
        code = execute(service, words, streams, insight, workdir)
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
    report = {"service": service, "command": list(words), "stdout": said[0], "stderr": said[1]}
    return session.out.show(report, exit_code=code)


def _opened(session: Session) -> tuple[Insight, Workdir]:
    from aisuite.cli.doors import open_insight

    return open_insight(session.project, session.state), session.deps().workdir


def _seconds(text: str) -> float:
    from aisuite.errors import UsageError
    from aisuite.units import Seconds

    try:
        return Seconds.parse(text)
    except ValueError as err:
        raise UsageError(f"--since: {err}", "aisuite events --since 10m") from err
