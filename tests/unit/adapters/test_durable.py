"""How a file is replaced: in which order, with which rights, and what a failure or a crash leaves."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from aisuite.adapters.durable import SHARED, UNFINISHED, replacing, sweep, write_durably


def record_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every fsync, by what is synced, and every rename, and let them happen."""
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(handle: int) -> None:
        folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        calls.append("fsync folder" if folder else f"fsync {os.pread(handle, 100, 0).decode()}")
        fsync(handle)

    def note_replace(self: Path, target: Path) -> Path:
        calls.append(f"rename {self.read_text()} to {target.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    return calls


def test_a_file_is_synced_before_it_is_renamed_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = record_calls(monkeypatch)
    write_durably(tmp_path / "a", b"new")
    assert calls == ["fsync new", "rename new to a", "fsync folder"]


def test_what_was_written_by_another_handle_is_synced_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record_calls(monkeypatch)
    with replacing(tmp_path / "a") as fresh, fresh.open("wb") as file:
        file.write(b"one")
        file.write(b"two")
    assert calls == ["fsync onetwo", "rename onetwo to a", "fsync folder"]


def test_rights_are_the_owners_alone_unless_people_share_the_file(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_durably(tmp_path / "mine", b"")
        write_durably(tmp_path / "ours", b"", SHARED)
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("mine", "ours")] == [0o600, 0o644]


def test_a_link_in_its_place_is_replaced_and_what_it_named_stays(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("theirs")
    (tmp_path / "a").symlink_to(tmp_path / "other")
    write_durably(tmp_path / "a", b"mine")
    assert (tmp_path / "other").read_text() == "theirs"
    assert not (tmp_path / "a").is_symlink()


def _half_write(path: Path, ends: BaseException) -> None:
    path.write_text("ne")
    raise ends


@pytest.mark.parametrize("ends", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()], ids=["full", "interrupted"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, ends: BaseException) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(type(ends)), replacing(tmp_path / "a") as fresh:
        _half_write(fresh, ends)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a", "old")]


def test_the_next_write_sweeps_what_a_crash_left_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / f"{UNFINISHED}1-ab").write_text("half")
    (tmp_path / "writing").write_text("whole")
    (tmp_path / f"{UNFINISHED}folder").mkdir()
    write_durably(tmp_path / "a", b"1")
    assert sorted(one.name for one in tmp_path.iterdir()) == [f"{UNFINISHED}folder", "a", "writing"]


def test_what_somebody_writes_now_is_not_swept(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as fresh:
        fresh.write_text("long")
        write_durably(tmp_path / "b", b"short")
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {"a": "long", "b": "short"}


def test_a_file_that_is_swept_before_it_is_held_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock, swept = fcntl.flock, []

    def sweep_first(handle: int, operation: int) -> None:
        if not swept and not operation & fcntl.LOCK_NB:
            swept.append(operation)
            sweep(tmp_path)
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    write_durably(tmp_path / "a", b"1")
    assert swept
    assert [one.read_text() for one in tmp_path.iterdir()] == ["1"]


def test_a_folder_that_cannot_be_looked_at_is_not_swept(tmp_path: Path) -> None:
    sweep(tmp_path / "never was")
    assert not (tmp_path / "never was").exists()
