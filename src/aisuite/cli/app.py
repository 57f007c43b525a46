"""The command line: all commands, and the one place where errors end."""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aisuite import __version__
from aisuite.cli import (
    backup,
    client,
    drill,
    evidence,
    generations,
    gpu,
    health,
    images,
    insight,
    lifecycle,
    models,
    plan,
    profile,
    rag,
    restore,
    stack,
    validate_env,
)
from aisuite.cli.asked import asked
from aisuite.cli.output import Current, begin, give_up_stdout
from aisuite.errors import INTERRUPTED, AisuiteError, DiskFull, ProfileInvalid, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Doors put what the disk says into errors of their own: what comes through as it is, printing has raised.
_UNHEARD = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EPIPE})
_COMPLETION = "_AISUITE_COMPLETE"  # set by a shell that asks how a line may go on, which is not among the arguments

app = typer.Typer(
    name="aisuite",
    help="One typed profile, one private OpenAI-compatible AI suite that keeps answering when a part of it dies.",
    epilog="Start here:  aisuite up --phase 2 --demo",
    rich_markup_mode=None,  # rich help costs 200 ms at every --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
stack.register(app)
lifecycle.register(app)
generations.register(app)
validate_env.register(app)
plan.register(app)
insight.register(app)
health.register(app)
drill.register(app)
restore.register(app)
evidence.register(app)
backup.register(app)
client.register(app)
rag.register(app)
gpu.register(app)
models.register(app)
images.register(app)
profile.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"aisuite {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One typed profile, one private OpenAI-compatible AI suite that keeps answering when a part of it dies."""


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. This is the error boundary: nothing passes it."""
    try:
        return _run(arguments)
    except OSError as err:  # from wherever something was printed: the last one about an error, say
        return _end_unheard(err)


def _run(arguments: Sequence[str]) -> int:
    """Run one command. Raises OSError when its output cannot be written."""
    words = _command_words(arguments)
    begin(".".join(words) or "aisuite", json="--json" in arguments)
    interruption = _Interruption()
    try:
        line = app if _COMPLETION in os.environ else asked(app, arguments)
        code = line(list(arguments) or ["--help"], standalone_mode=False, prog_name="aisuite")
        sys.stdout.flush()
        if code == INTERRUPTED:  # typer has caught Ctrl-C
            raise KeyboardInterrupt  # noqa: TRY301
    except AisuiteError as err:
        Current.output.show_error(_describe(err), err.exit_code)
        return err.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _end_interrupted()
    except Exception as err:  # the boundary: a bug ends as one message, too
        if isinstance(err, OSError) and err.errno in _UNHEARD:
            raise
        return _end_interrupted() if interruption.came else _end_with_foreign(err, words)
    return int(code or 0)


def _command_words(arguments: Sequence[str]) -> list[str]:
    """Return the command's name as it was written, its group first; needed where typer itself refuses the line."""
    words = [word for word in arguments if not word.startswith("-")]
    groups = {group.name for group in app.registered_groups}
    return words[: 2 if words and words[0] in groups else 1]


class _Interruption:
    """Turns Ctrl-C and SIGTERM into KeyboardInterrupt, and remembers.

    One that comes in the middle of an import leaves half a library, which then fails in ways of its own.
    """

    def __init__(self) -> None:
        self.came = False
        signal.signal(signal.SIGTERM, self._note)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell's `&` has it ignored
            signal.signal(signal.SIGINT, self._note)

    def _note(self, _signal: int, _frame: Any) -> None:
        self.came = True
        raise KeyboardInterrupt


def _end_interrupted() -> int:
    undone = "; what was started is stopped again" if Current.output.command == "up" else ""
    Current.output.show_error({"type": "Interrupted", "message": f"interrupted{undone}"}, INTERRUPTED)
    return INTERRUPTED


def _end_unheard(err: OSError) -> int:
    """Say on stderr that the output is lost; that a reader went away (`| head`) needs no words."""
    with suppress(OSError):
        give_up_stdout()
    if err.errno == errno.EPIPE:
        return 0
    words = {"message": f"the output cannot be written: {err.strerror}", "hint": "df -h"}
    with suppress(OSError):
        begin(Current.output.command).show_error(words, DiskFull.exit_code)
    return DiskFull.exit_code


def _describe(err: AisuiteError) -> dict[str, Any]:
    error: dict[str, Any] = {"type": type(err).__name__, "message": err.message, "hint": err.hint}
    if isinstance(err, ProfileInvalid):
        error["problems"] = [
            {"source": one.source, "line": one.line, "key": one.key, "message": one.message} for one in err.problems
        ]
    return error


def _end_with_foreign(err: Exception, words: Sequence[str]) -> int:
    """Print an error that is not ours: typer's about the command line, or a bug."""
    if isinstance(err, typer.TyperException):
        message = err.format_message() if hasattr(err, "format_message") else str(err)
        hint = (
            f"aisuite {' '.join(words)} --help"
            if words and not message.startswith("No such command")
            else "aisuite --help"
        )
        Current.output.show_error(_describe(UsageError(message, hint)), UsageError.exit_code)
        return UsageError.exit_code
    if os.environ.get("AISUITE_TRACEBACK"):
        import traceback

        traceback.print_exception(err)
    message = f"internal error: {type(err).__name__}: {err}"
    hint = "this is a bug; see where with AISUITE_TRACEBACK=1, and report it"
    Current.output.show_error({"type": "InternalError", "message": message, "hint": hint}, AisuiteError.exit_code)
    return AisuiteError.exit_code
