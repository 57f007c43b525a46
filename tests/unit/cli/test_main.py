"""The console script."""

from __future__ import annotations

import os
from typing import Never

import pytest

from aisuite.__main__ import main

_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment, of which nothing that a test changes stays."""
    found = {name: value for name, value in os.environ.items() if name != _PLUGINS}
    monkeypatch.setattr("os.environ", found)
    return found


@pytest.mark.parametrize(("before", "after"), [(None, "__all__"), ("logfire-plugin", "logfire-plugin")])
def test_no_package_beside_us_is_loaded_unless_somebody_says_which(
    before: str | None, after: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if before is not None:
        environment[_PLUGINS] = before
    monkeypatch.setattr("aisuite.cli.app.run", lambda _arguments: 0)
    with pytest.raises(SystemExit):
        main()
    assert environment[_PLUGINS] == after


def test_ctrl_c_before_the_command_line_is_there_ends_as_an_interruption(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_arguments: object) -> Never:
        raise KeyboardInterrupt

    monkeypatch.setattr("aisuite.cli.app.run", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "error: interrupted\n"
