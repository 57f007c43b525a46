"""`aisuite images`, on images in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aisuite.cli.app import run
from aisuite.profile.model import Images
from tests.docs.pages import REFERENCE, find_blocks
from tests.fakes.images import FakeImages

NAMES = Images()
BASE = "python:3.13-slim"
FOREIGN = (NAMES.llama, NAMES.qdrant, NAMES.gateway)
COMMANDS = (["list"], ["pull"], ["build"], ["lock"], ["verify"], ["save", "bundle"], ["load", "bundle"])
EXAMPLES = {
    example["schema"]: example
    for block in find_blocks(REFERENCE / "json.md")
    if block.language == "json" and ".images." in (example := json.loads(block.text))["schema"]
}


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeImages:
    held = FakeImages({name: name for name in (*FOREIGN, BASE)})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("aisuite.cli.wiring.open_images", lambda: held)
    return held


def images_command(*words: str) -> int:
    scope = [] if words[0] == "load" else ["--demo"]
    return run(["images", *words, *scope])


def json_of(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    images_command(*words, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_fresh_machine_is_told_what_brings_each_image(images: FakeImages, capsys: pytest.CaptureFixture[str]) -> None:
    assert images_command("list") == 0
    text = capsys.readouterr().out
    assert all(name in text for name in (*FOREIGN, NAMES.service))
    assert text.endswith("what is missing: aisuite images pull && aisuite images build\n")
    assert images_command("pull") == images_command("build") == 0
    capsys.readouterr()
    assert images_command("list") == 0
    assert "missing" not in capsys.readouterr().out
    assert set(images.here) == {*FOREIGN, NAMES.service, BASE}


def test_each_command_prints_the_fields_of_its_example(images: FakeImages, capsys: pytest.CaptureFixture[str]) -> None:
    for words in COMMANDS:
        printed = json_of(capsys, *words)
        example = EXAMPLES[f"aisuite.images.{words[0]}/1"]
        assert list(printed) == list(example)
        assert printed["ok"], printed
        for row in example["images"]:
            assert {tuple(one) for one in printed["images"]} == {tuple(row)}


def test_offline_names_what_is_missing_and_fetches_nothing(
    images: FakeImages, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--offline"], ["--policy", "never"]):
        assert images_command("pull", *words) == 3
        assert NAMES.qdrant in capsys.readouterr().err
    assert images.asked == []


def test_a_policy_that_does_not_exist_is_refused(images: FakeImages, capsys: pytest.CaptureFixture[str]) -> None:
    assert images_command("pull", "--policy", "sometimes") == 2
    assert "always, missing and never" in capsys.readouterr().err


def test_an_image_that_moved_ends_with_8_and_is_shown(images: FakeImages, capsys: pytest.CaptureFixture[str]) -> None:
    images_command("pull")
    images_command("build")
    assert images_command("lock") == 0
    assert images_command("verify") == 0
    images.registry[NAMES.qdrant] = "other bytes"
    del images.here[NAMES.qdrant]
    capsys.readouterr()
    assert images_command("pull") == 3
    assert "sha256:" in capsys.readouterr().err
    Path("aisuite-images.lock").rename("kept.lock")
    assert images_command("pull") == 0
    Path("kept.lock").rename("aisuite-images.lock")
    capsys.readouterr()
    assert images_command("verify") == 8
    assert "differs" in capsys.readouterr().out


def test_a_bundle_goes_to_another_machine(images: FakeImages, capsys: pytest.CaptureFixture[str]) -> None:
    assert images_command("save", "bundle") == 3
    assert not Path("bundle").exists()
    images_command("pull")
    images_command("build")
    capsys.readouterr()
    assert images_command("save", "bundle") == 0
    assert f"aisuite images load {Path('bundle').absolute()}" in capsys.readouterr().out
    images.here.clear()
    assert images_command("load", "bundle") == 0
    assert set(images.here) == {*FOREIGN, NAMES.service}
    assert images_command("load", "elsewhere") == 3


def test_without_an_engine_there_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    for words in COMMANDS[:3]:
        assert images_command(*words) == 3
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("error: ")
        assert "hint:" in captured.err
