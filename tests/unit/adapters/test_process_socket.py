"""supervisord's socket lies where this user alone can reach it, and where the kernel takes it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from aisuite.adapters.process_engine.socket_path import choose_socket, list_candidates
from aisuite.errors import EngineUnavailable


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a short private place for what does not fit."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def make_project(folder: Path) -> Path:
    (folder / "run").mkdir(parents=True)
    return folder


def test_a_project_keeps_its_socket(runtime: Path) -> None:
    project = make_project(runtime / "p")
    assert choose_socket(project) == project / "run" / "supervisor.sock"
    assert list((project / "run").iterdir()) == []


def test_a_stale_socket_makes_room(runtime: Path) -> None:
    project = make_project(runtime / "p")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(project / "run" / "supervisor.sock"))
    assert choose_socket(project) == project / "run" / "supervisor.sock"


def test_a_long_folder_gets_a_short_private_place(runtime: Path) -> None:
    project = make_project(runtime / ("x" * 100))
    chosen = choose_socket(project)
    assert chosen.parent.parent == runtime
    assert chosen.parent.stat().st_mode & 0o777 == 0o700
    assert chosen in list_candidates(project)


def test_two_projects_get_two_places(runtime: Path) -> None:
    projects = [make_project(runtime / (letter * 100)) for letter in "xy"]
    assert choose_socket(projects[0]) != choose_socket(projects[1])


def test_a_file_system_that_takes_no_sockets_is_noticed(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(runtime / "p")
    monkeypatch.setattr("os.link", lambda source, target: (_ for _ in ()).throw(OSError("not supported")))
    with pytest.raises(EngineUnavailable, match="no socket can be made"):
        choose_socket(project)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(mode=0o755), lambda path: path.write_text("")])
def test_a_place_that_is_not_private_is_refused(runtime: Path, make: object) -> None:
    project = make_project(runtime / ("x" * 100))
    shelter = list_candidates(project)[1].parent
    assert callable(make)
    make(shelter)
    with pytest.raises(EngineUnavailable, match="is not a private folder of this user"):
        choose_socket(project)


def test_a_place_that_is_a_link_is_refused(runtime: Path) -> None:
    project = make_project(runtime / ("x" * 100))
    shelter = list_candidates(project)[1].parent
    (runtime / "elsewhere").mkdir(mode=0o700)
    shelter.symlink_to(runtime / "elsewhere")
    with pytest.raises(EngineUnavailable, match="is not a private folder"):
        choose_socket(project)
