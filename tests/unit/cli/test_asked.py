"""One call's command line reads like the whole one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from aisuite.cli.app import app, run
from aisuite.cli.asked import asked

if TYPE_CHECKING:
    from collections.abc import Iterator


def _walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk(child, (*path, name))


WHOLE = dict(_walk(typer.main.get_command(app)))


def _found(words: tuple[str, ...]) -> Any:
    return dict(_walk(typer.main.get_command(asked(app, words))))[words]


@pytest.mark.parametrize("words", WHOLE, ids=" ".join)
def test_what_is_asked_has_all_its_options_and_its_help(words: tuple[str, ...]) -> None:
    one, whole = _found(words), WHOLE[words]
    assert [(p.opts, p.display_name_raw, p.default, p.envvar) for p in one.params] == [
        (p.opts, p.display_name_raw, p.default, p.envvar) for p in whole.params
    ]
    context = typer.Context(whole)
    assert one.get_help(typer.Context(one)) == whole.get_help(context)


def test_what_is_not_asked_reads_no_options() -> None:
    commands = dict(_walk(typer.main.get_command(asked(app, ["status"]))))
    assert [words for words, one in commands.items() if words and one.params] == [("status",)]


def test_a_shell_that_asks_how_a_line_may_go_on_hears_of_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "_AISUITE_COMPLETE": "complete_bash",
        "COMP_WORDS": "aisuite backup forget --keep-d",
        "COMP_CWORD": "3",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        run([])
    assert capsys.readouterr().out.split() == ["--keep-daily"]
