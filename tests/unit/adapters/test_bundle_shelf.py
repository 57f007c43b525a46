"""The shelf of bundles on a real disk: rights, crashes, others at work, full disks."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from pathlib import Path

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.bundle.model import Kind, Level, Verified
from aisuite.errors import BundleDamaged, DiskFull, StateUnwritable
from tests.fakes.bundles import CONTENTS, put_bundle

BUNDLE, LATER = "20261121T141500Z", "20261122T141500Z"


@pytest.fixture
def shelf(tmp_path: Path) -> BundleShelf:
    return BundleShelf(tmp_path / "project" / "backups")


def test_a_bundle_is_for_its_owner_only(shelf: BundleShelf) -> None:
    put_bundle(shelf, BUNDLE)
    shelf.set_verified(BUNDLE, Verified(Level.QUICK, "2026-11-21T14:20:00Z"))
    for path in (shelf.path, *shelf.path.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_what_compresses_is_compressed(shelf: BundleShelf) -> None:
    files = {file.path: file for file in put_bundle(shelf, BUNDLE).files}
    assert files["databases/rag/rag.db.zst"].size < len(CONTENTS["databases/rag/rag.db.zst"]) / 10
    assert files["collections/qdrant/notes.snapshot"].unpacked_size is None


def test_what_a_crash_has_left_is_swept_and_never_listed(shelf: BundleShelf) -> None:
    put_bundle(shelf, BUNDLE)
    (shelf.path / ".unfinished-0123" / "bundle").mkdir(parents=True)
    (shelf.path / ".unfinished-4567").write_text("half a verification")
    assert shelf.list() == (BUNDLE,)
    assert os.listdir(shelf.path) == [BUNDLE]


def test_a_bundle_in_the_making_is_not_swept(shelf: BundleShelf) -> None:
    with shelf.stage(BUNDLE) as staging:
        assert BundleShelf(shelf.path).list() == ()
        assert staging.scratch.is_dir()


def test_nothing_but_bundles_is_listed_and_nothing_else_is_removed(shelf: BundleShelf) -> None:
    put_bundle(shelf, BUNDLE)
    (shelf.path / "notes.txt").write_text("mine")
    (shelf.path / "20261122T141500Z").write_text("a file of that name")
    (shelf.path / "20261123T141500Z").mkdir()  # somebody's copy that lost its manifest: shown, and refused
    assert shelf.list() == (BUNDLE, "20261123T141500Z")
    with pytest.raises(BundleDamaged, match=r"manifest\.json: it is missing"):
        shelf.manifest("20261123T141500Z")
    assert (shelf.path / "notes.txt").read_text() == "mine"


def test_a_bundle_copied_to_another_shelf_is_as_good(shelf: BundleShelf, tmp_path: Path) -> None:
    made = put_bundle(shelf, BUNDLE)
    other = tmp_path / "disk"
    shutil.copytree(shelf.path / BUNDLE, other / BUNDLE)
    assert BundleShelf(other).check(BUNDLE) == made


def test_a_shelf_may_be_a_link_to_another_disk(shelf: BundleShelf, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    shelf.path.parent.mkdir()
    shelf.path.symlink_to(tmp_path / "disk")
    put_bundle(shelf, BUNDLE)
    shelf.check(BUNDLE)
    assert shelf.list() == (BUNDLE,)
    shelf.remove(BUNDLE)
    assert os.listdir(tmp_path / "disk") == []


def test_removing_a_link_leaves_what_it_leads_to(shelf: BundleShelf, tmp_path: Path) -> None:
    put_bundle(shelf, BUNDLE)
    (shelf.path / BUNDLE).rename(tmp_path / "kept")
    (shelf.path / BUNDLE).symlink_to(tmp_path / "kept")
    shelf.remove(BUNDLE)
    assert (tmp_path / "kept" / "manifest.json").exists()
    assert shelf.list() == ()


def test_a_full_disk_is_said_and_leaves_nothing(shelf: BundleShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    put_bundle(shelf, BUNDLE)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFull, match="no space left"):
            put_bundle(shelf, LATER)
    assert os.listdir(shelf.path) == [BUNDLE]


def test_a_failed_extraction_leaves_no_file(shelf: BundleShelf, tmp_path: Path) -> None:
    file = next(one for one in put_bundle(shelf, BUNDLE).files if one.kind is Kind.COLLECTION)
    (shelf.path / BUNDLE / file.path).write_bytes(b"x" * file.size)
    with pytest.raises(BundleDamaged, match="SHA-256"):
        shelf.extract(BUNDLE, file, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_nothing_is_extracted_through_a_link(shelf: BundleShelf, tmp_path: Path) -> None:
    file = put_bundle(shelf, BUNDLE).files[0]
    (tmp_path / "target").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateUnwritable):
        shelf.extract(BUNDLE, file, tmp_path / "target")
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_the_disk_gives_no_more_is_damage(shelf: BundleShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    put_bundle(shelf, BUNDLE)

    def broken(handle: int, mode: str, buffering: int) -> object:
        class Broken:
            def __enter__(self) -> Broken:
                return self

            def __exit__(self, *_: object) -> None:
                os.close(handle)

            def read(self, _: int) -> bytes:
                raise OSError(errno.EIO, "Input/output error")

        return Broken() if os.readlink(f"/proc/self/fd/{handle}").endswith(".snapshot") else real(handle, mode)

    real = os.fdopen
    monkeypatch.setattr(os, "fdopen", broken)
    with pytest.raises(BundleDamaged, match=r"notes\.snapshot: it cannot be read: Input/output error"):
        shelf.check(BUNDLE)


def test_a_disk_without_locks_takes_backups_and_is_not_swept(
    shelf: BundleShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    put_bundle(shelf, BUNDLE)
    (shelf.path / ".unfinished-0123").mkdir()
    assert shelf.list() == (BUNDLE,)
    assert (shelf.path / ".unfinished-0123").is_dir()
    shelf.remove(BUNDLE)
    assert shelf.list() == ()


def test_a_removal_waits_for_nobody_but_a_sweep(shelf: BundleShelf) -> None:
    put_bundle(shelf, BUNDLE)
    with shelf.stage(LATER):
        shelf.remove(BUNDLE)
        handle = os.open(shelf.path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)
    assert shelf.list() == ()
