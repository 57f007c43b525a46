"""docs/reference/exit-codes.md: every exit code and the errors that end with it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from aisuite import errors
from generator.markdown import code, page, table

if TYPE_CHECKING:
    from collections.abc import Iterator


# What a command found out, not what went wrong in it.
_VERDICTS = (
    ("`aisuite validate-env`", "`3`", "this machine cannot run the stack as it is; with `--strict` also for a warning"),
    ("`aisuite plan`", "`4`", "the models do not fit on the card"),
    ("`aisuite up`", "`5`", "the suite answers, but not everything came up (*degraded*)"),
    ("`aisuite up`", "`8`", "everything came up, but not with the settings that were asked for"),
    ("`aisuite status`", "`5`", "not every service is healthy"),
    ("`aisuite health`", "`5`", "the suite is degraded or down; the last line says what is to blame"),
    ("`aisuite watch --once`", "`5`", "something could not be started again"),
    ("`aisuite failover-drill`", "`6`", "a fault was not borne as it must be, or too many requests were lost in all"),
)


def exit_codes_page() -> str:
    """Return the text of the page."""
    found = sorted(_find_errors(errors.AisuiteError), key=lambda error: error.exit_code)
    rows = [(code(one.exit_code), code(one.__name__), code(_parent(one)), _first_line(one)) for one in found]
    tree = inspect.cleandoc(errors.__doc__ or "").split("\n\n", 1)[1]
    return page(
        "# Exit codes and errors",
        "An error is one message on standard error: `error:` says what was wrong and where, `hint:` is a command that "
        "helps. With `--json` it is [an object](json.md#errors) on standard output.",
        "`0` is success. Some commands end with another code although they did what they were asked to:",
        table(("command", "ends with", "when"), _VERDICTS),
        "`aisuite exec` ends with the exit code of the command that it ran. For an internal error (`1`), "
        "`AISUITE_TRACEBACK=1` shows where it came from.",
        f"```\n{tree}\n```",
        "What the table does not name comes with later versions; its codes are reserved.",
        table(("exit code", "error", "kind of", "meaning"), rows),
    )


def _find_errors(parent: type[errors.AisuiteError]) -> Iterator[type[errors.AisuiteError]]:
    yield parent
    for child in parent.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _find_errors(child)


def _parent(error: type[errors.AisuiteError]) -> str:
    return "" if error is errors.AisuiteError else error.__mro__[1].__name__


def _first_line(error: type[errors.AisuiteError]) -> str:
    return inspect.cleandoc(error.__doc__ or "").splitlines()[0]
