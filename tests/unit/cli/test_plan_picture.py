"""`aisuite plan`: the bar on the screen, and the picture in a file."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from aisuite.cli.app import run
from tests.fakes.gguf_writer import transformer

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "tiny.gguf").write_bytes(transformer().file())
    return tmp_path


def plan(*more: str) -> int:
    return run(["plan", "--phase", "2", "--model", "tiny.gguf", "--gpu-memory", "2GiB", *more])


def test_the_screen_shows_the_card_and_every_part(capsys: Captured) -> None:
    assert plan() == 0
    shown = capsys.readouterr().out
    assert "models: at most 1843 MiB" in shown
    assert "tiny KV cache" in shown


def test_the_picture_is_written_beside_the_report(here: Path, capsys: Captured) -> None:
    assert plan("--json", "--plot", "out/plan.svg") == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "fits"
    words = [element.text for element in ElementTree.parse(here / "out" / "plan.svg").iter() if element.text]
    assert any(word.startswith("tiny: MiB that all servers take together") for word in words)
    assert any(word.startswith("context ") for word in words)


def test_a_picture_that_cannot_be_written_is_said(here: Path, capsys: Captured) -> None:
    (here / "folder.svg").mkdir()
    assert plan("--plot", "folder.svg") == 3
    assert "folder.svg" in capsys.readouterr().err


def test_a_file_that_is_no_model_is_said(here: Path, capsys: Captured) -> None:
    (here / "tiny.gguf").write_text("<!doctype html>")
    assert plan() == 3
    assert "tiny.gguf: byte 0: this is no GGUF file" in capsys.readouterr().err
