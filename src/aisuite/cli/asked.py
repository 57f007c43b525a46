"""The command line as one call needs it: with the options of the commands that it names."""

from __future__ import annotations

import inspect
from copy import copy
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Collection

    from typer.models import CommandInfo, TyperInfo


def asked(app: typer.Typer, words: Collection[str]) -> typer.Typer:
    """Return this app, in which commands that none of the words names have their help, but no options.

    Reading the options of fifty commands takes longer than most of them run.
    """
    found = copy(app)
    found.registered_commands = [one if _name(one) in words else _without_options(one) for one in _commands(app)]
    found.registered_groups = [_group(one, words) for one in app.registered_groups]
    return found


def _commands(app: typer.Typer) -> list[CommandInfo]:
    return [one for one in app.registered_commands if one.callback is not None]


def _name(command: CommandInfo) -> str:
    return command.name or command.callback.__name__.replace("_", "-")  # type: ignore[union-attr]


def _without_options(command: CommandInfo) -> CommandInfo:
    found = copy(command)
    found.name, found.help, found.callback = _name(command), inspect.getdoc(command.callback), _no_options
    return found


def _no_options() -> None:
    """Stand for a command that was not asked for."""


def _group(group: TyperInfo, words: Collection[str]) -> TyperInfo:
    found, members = copy(group), group.typer_instance
    if members is None:
        return found
    if group.name in words:
        found.typer_instance = asked(members, words)
        return found
    found.typer_instance = copy(members)
    found.typer_instance.registered_commands, found.typer_instance.registered_groups = [], []
    found.typer_instance.registered_callback = None
    return found
