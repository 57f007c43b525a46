"""The console script."""

from __future__ import annotations

from typing import Never

import pytest

from aisuite.__main__ import main


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
