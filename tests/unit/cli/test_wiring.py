"""What is brought up again is what was brought up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aisuite.adapters.docker_engine.volumes import DockerVolumes
from aisuite.adapters.service_folders import ServiceFolders
from aisuite.adapters.workdir import ProjectDir
from aisuite.cli.choice import Choice
from aisuite.cli.doors import open_data
from aisuite.cli.wiring import wire, wire_again
from aisuite.errors import NotRunning, ProfileNotFound
from aisuite.ops.record import forget_record, record_of, write_record

STATE = Path(".aisuite")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _brought_up(profile: str) -> ProjectDir:
    """Leave what an `up` of a profile leaves."""
    suite = wire(Choice(profile, None, demo=False, engine="docker"), "suite", STATE)
    workdir = ProjectDir(Path.cwd() / STATE / "suite")
    write_record(workdir, record_of(suite.stack, {}, None, suite.profile_file))
    return workdir


def test_a_profile_that_is_a_file_is_found_again_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text("extends: demo\nports: {rag: 18002}\n")
    _brought_up("./mine.yaml")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    suite = wire_again(None, "suite", tmp_path / STATE)
    assert (suite.stack.profile, suite.stack.engine) == ("mine", "docker")
    assert suite.stack.service("rag").published.port == 18002


def test_a_shipped_profile_is_found_again_by_its_name() -> None:
    workdir = _brought_up("demo")
    assert wire_again(None, "suite", STATE).profile_file is None
    assert '"profile_file": null' in (workdir.read("stack.json") or "")


def test_a_profile_whose_file_is_gone_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: demo\n")
    _brought_up("./mine.yaml")
    (tmp_path / "mine.yaml").unlink()
    with pytest.raises(ProfileNotFound, match=r"mine\.yaml"):
        wire_again(None, "suite", STATE)


def test_nothing_can_be_brought_up_again_where_nothing_was() -> None:
    with pytest.raises(NotRunning):
        wire_again(None, "suite", STATE)


def test_data_is_looked_for_where_it_was_kept_also_after_a_down() -> None:
    assert isinstance(open_data("suite", STATE), ServiceFolders)
    workdir = _brought_up("demo")
    forget_record(workdir)
    assert isinstance(open_data("suite", STATE), DockerVolumes)
    record = record_of(wire(Choice("demo", None, demo=False, engine="process"), "suite", STATE).stack, {}, None)
    write_record(workdir, replace(record, profile_file=None))
    assert isinstance(open_data("suite", STATE), ServiceFolders)
