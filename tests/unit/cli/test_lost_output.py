"""An output that takes nothing is no bug of ours, and a reader that went away is no error at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aisuite.cli.app import run


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("AISUITE_PROJECT", "COMPOSE_PROJECT_NAME", "AISUITE_STATE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("words", ["--version", "--help", "evidence list", "evidence show --json", "profile list"])
def test_an_output_without_room_is_said_on_stderr(
    words: str, unbuffered: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as stdout, monkeypatch.context() as patch:
        stdout.reconfigure(write_through=unbuffered)
        patch.setattr("sys.stdout", stdout)
        assert run(words.split()) == 3
    assert capfd.readouterr().err == "error: the output cannot be written: No space left on device\nhint:  df -h\n"


@pytest.mark.parametrize(("words", "code"), [("evidence list", 0), ("evidence show --json", 2)])
def test_a_reader_that_went_away_is_no_error(
    words: str, code: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stdout, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", stdout)
        assert run(words.split()) == code
    assert capfd.readouterr().err == ""
