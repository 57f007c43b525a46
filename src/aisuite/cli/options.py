"""Options that several commands share, so that they read and behave the same everywhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from aisuite.cli.output import Output, begin

if TYPE_CHECKING:
    from aisuite.ops.images import Policy
    from aisuite.ports import Deps

DEFAULT_PROJECT = "aisuite"
DEFAULT_STATE = Path(".aisuite")

Phase = Annotated[int | None, typer.Option("--phase", min=1, max=3, help="Which part of the suite: 1, 2 or 3.")]
ProfileName = Annotated[
    str | None,
    typer.Option("--profile", help="Name of a profile, or path of its file (or AISUITE_PROFILE)."),
]
Demo = Annotated[bool, typer.Option("--demo", help="Tiny models made on this machine: no GPU, no download.")]
Offline = Annotated[bool, typer.Option("--offline", help="Ask no network; what is missing is said.")]
Engine = Annotated[
    str | None, typer.Option("--engine", help="process or docker; without it the profile decides.", metavar="ENGINE")
]
Pull = Annotated[
    str, typer.Option("--pull", metavar="POLICY", help="Container images: always, missing, or never fetched.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")]

_PROJECT_VARIABLES = ["AISUITE_PROJECT", "COMPOSE_PROJECT_NAME"]  # the first that is set

_COMMON: dict[str, tuple[Any, Any]] = {
    "project": (
        Annotated[str, typer.Option("--project", "-p", envvar=_PROJECT_VARIABLES, help="Name of the stack.")],
        DEFAULT_PROJECT,
    ),
    "state": (
        Annotated[Path, typer.Option("--state", envvar="AISUITE_STATE", help="Folder of the projects' folders.")],
        DEFAULT_STATE,
    ),
    "json": (Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")], False),
    "quiet": (Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")], False),
    "no_color": (Annotated[bool, typer.Option("--no-color", help="No colours (NO_COLOR does the same).")], False),
}


@dataclass(frozen=True, slots=True)
class Session:
    """What every command has: how it prints, and which project it is about."""

    out: Output
    project: str
    state: Path

    def deps(self) -> Deps:
        """Open the project as it stands on disk; needs no profile."""
        from aisuite.cli.wiring import open_project

        return open_project(self.project, self.state)


def pull_policy(usage: str, word: str, *, offline: bool) -> Policy:
    """Return what the word after an option means; `usage` is the command up to that option. Raises UsageError."""
    from aisuite.errors import UsageError
    from aisuite.ops.images import POLICIES

    option = usage.split()[-1]
    for policy in POLICIES:
        if word == policy:
            if offline and policy == "always":
                raise UsageError(f"{option} always asks the network, which --offline forbids", f"{usage} never")
            return "never" if offline else policy
    raise UsageError(f"{option} {word}: there is always, missing and never", f"{usage} missing")


def command(name: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command the options that all have; it gets them as a `Session`, its first parameter.

    `name` is the command's name in the JSON schema, with dots between words.
    """

    return partial(_Command, name)


class _Command:
    """A command with the options that all have; which they are together is worked out when somebody asks."""

    def __init__(self, name: str, function: Callable[..., int]) -> None:
        self._command, self._function = name, function
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.__annotations__: dict[str, Any] = {}  # the signature has them

    @cached_property
    def __signature__(self) -> inspect.Signature:
        hints = get_type_hints(self._function, include_extras=True)
        own = list(inspect.signature(self._function).parameters.values())[1:]
        keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature(
            [one.replace(annotation=hints[one.name]) for one in own]
            + [
                inspect.Parameter(option, keyword, default=default, annotation=annotation)
                for option, (annotation, default) in _COMMON.items()
            ]
        )

    def __call__(self, **given: Any) -> int:
        out = begin(self._command, json=given.pop("json"), quiet=given.pop("quiet"), no_color=given.pop("no_color"))
        return self._function(Session(out, given.pop("project"), given.pop("state")), **given)
