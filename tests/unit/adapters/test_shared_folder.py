from __future__ import annotations

import errno
from pathlib import Path

import pytest

from aisuite.adapters.shared_folder import SharedFolder
from aisuite.errors import DiskFull, StateUnwritable


def test_what_is_written_is_read_and_nothing_else_is_left(tmp_path: Path) -> None:
    folder = SharedFolder(tmp_path / "new")
    assert folder.read("a.json") is None
    folder.write("a.json", "한국어\n")
    folder.write("a.json", "second\n")
    assert folder.read("a.json") == "second\n"
    assert [path.name for path in folder.path.iterdir()] == ["a.json"]


def test_the_rights_of_the_users_own_folder_are_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    SharedFolder(tmp_path).write("a", "x")
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateUnwritable, match="file"):
        SharedFolder(tmp_path / "file").write("a", "x")
    with pytest.raises(StateUnwritable, match="file"):
        SharedFolder(tmp_path / "file").read("a")


def test_a_full_disk_is_said_and_leaves_the_old_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SharedFolder(tmp_path)
    folder.write("a", "old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DiskFull, match="no space left"):
        folder.write("a", "new")
    assert folder.read("a") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
