"""docs/reference/cli.md: every command with its arguments and options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer.main

from aisuite.cli.app import app
from generator.markdown import code, one_line, page, section, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_VALUES = {bool: "", int: "number", float: "number", str: "text", Path: "path", list[str]: "texts"}


def cli_page() -> str:
    """Return the text of the page."""
    root = typer.main.get_command(app)
    commands = dict(_find_commands(root, ("aisuite",)))
    common = _common_options(commands)
    links = [
        (f"[{code(name)}](#{name.replace(' ', '-')})", _first_sentence(command.help))
        for name, command in commands.items()
    ]
    return page(
        "# Commands",
        "Results go to standard output; errors, and progress when you look at a terminal, to standard error. What a "
        "command ends with: [exit codes](exit-codes.md). What `--json` prints: [JSON output](json.md).",
        table(("command", "what it does"), links),
        "## Options of every command",
        _options_table(common.values()),
        "## Options before a command",
        _options_table(root.params),
        *(_section(name, command, common) for name, command in commands.items()),
    )


def _find_commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield each command that is no group, by its whole name, in the order of the help."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(words), command
        return
    for name, one in inner.items():
        if not one.hidden:  # a second name of a command
            yield from _find_commands(one, (*words, name))


def _is_option(parameter: Any) -> bool:
    return bool(parameter.opts[0].startswith("-"))


def _common_options(commands: Mapping[str, Any]) -> dict[str, Any]:
    first, *others = [{one.name: one for one in command.params} for command in commands.values()]
    return {name: one for name, one in first.items() if all(name in other for other in others)}


def _section(name: str, command: Any, common: Mapping[str, Any]) -> str:
    arguments = [one for one in command.params if not _is_option(one)]
    options = [one for one in command.params if _is_option(one) and one.name not in common]
    usage = " ".join([name, "[OPTIONS]", *(one.name.upper() for one in arguments)])
    rows = [(code(one.name.upper()), _value(one), one.help) for one in arguments]
    return section(
        f"## {name}",
        one_line(command.help),
        f"```\n{usage}\n```",
        table(("argument", "value", "meaning"), rows) if arguments else "",
        _options_table(options) if options else "",
    )


def _options_table(options: Iterable[Any]) -> str:
    rows = [
        (
            ", ".join(map(code, one.opts)),
            _value(one),
            "" if one.default in (None, False) else code(one.default),
            ", ".join(map(code, _variables(one))),
            one.help,
        )
        for one in options
    ]
    return table(("option", "value", "default", "variable", "meaning"), rows)


def _variables(parameter: Any) -> list[str]:
    names = parameter.envvar or []
    return [names] if isinstance(names, str) else list(names)


def _value(parameter: Any) -> str:
    word = _VALUES[parameter.type_descriptor.annotation]
    if parameter.min is None:
        return word
    return f"{word}, {parameter.min} " + ("or more" if parameter.max is None else f"to {parameter.max}")


def _first_sentence(text: str | None) -> str:
    return re.split(r"(?<=\.)\s", one_line(text))[0]
