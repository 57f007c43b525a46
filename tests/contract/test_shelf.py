"""What every shelf of bundles keeps, in memory and on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.bundle.model import Kind, Level, Verified
from aisuite.errors import BackupFailed, BundleDamaged, StateUnwritable, UsageError
from aisuite.ports.archive import Shelf
from tests.fakes.bundles import CONTENTS, manifest_of, put_bundle
from tests.fakes.shelf import FakeShelf

FIRST, SECOND = "20261120T030000Z", "20261121T030000Z-before-upgrade"


@pytest.fixture(params=[FakeShelf, BundleShelf])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    make: Callable[[Path], Shelf] = request.param
    return make(tmp_path / "backups")


def test_a_new_shelf_is_empty(shelf: Shelf) -> None:
    assert shelf.list() == ()


def test_what_was_published_is_listed_oldest_first(shelf: Shelf) -> None:
    put_bundle(shelf, SECOND)
    put_bundle(shelf, FIRST)
    assert shelf.list() == (FIRST, SECOND)


def test_a_manifest_is_read_back_as_it_was_published(shelf: Shelf) -> None:
    made = put_bundle(shelf, FIRST)
    assert shelf.manifest(FIRST) == made
    assert shelf.check(FIRST) == made


def test_every_file_comes_back_as_it_was(shelf: Shelf, tmp_path: Path) -> None:
    for place, file in enumerate(put_bundle(shelf, FIRST).files):
        target = tmp_path / f"file-{place}"
        shelf.extract(FIRST, file, target)
        assert target.read_bytes() == CONTENTS[file.path]
        assert target.stat().st_mode & 0o777 == 0o600


def test_what_comes_from_elsewhere_is_taken_in_as_it_comes(shelf: Shelf, tmp_path: Path) -> None:
    with shelf.stage(FIRST) as staging:
        file = staging.receive(BytesIO(b"snapshot" * 9), "collections/q/a.snapshot", Kind.COLLECTION, service="q")
        plain = staging.receive(BytesIO(b"vectors"), "collections/q/b.snapshot", Kind.COLLECTION, compress=False)
        with pytest.raises(ValueError, match="is"):
            staging.receive(BytesIO(b""), "../a", Kind.COLLECTION)
        staging.publish(manifest_of(FIRST, (file, plain)))
    assert (plain.size, plain.unpacked_size, plain.unpacked_sha256) == (7, None, None)
    assert (file.unpacked_size, file.unpacked_sha256) == (72, hashlib.sha256(b"snapshot" * 9).hexdigest())
    shelf.extract(FIRST, file, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"snapshot" * 9


def test_what_was_not_published_is_not_there(shelf: Shelf, tmp_path: Path) -> None:
    with shelf.stage(FIRST) as staging:
        (staging.scratch / "x").write_bytes(b"x")
        staging.add(staging.scratch / "x", "config/x.zst", Kind.CONFIG)
        assert shelf.list() == ()
    assert shelf.list() == ()
    assert not staging.scratch.exists()
    with pytest.raises(UsageError, match="there is no backup"):
        shelf.manifest(FIRST)


def test_a_manifest_lists_what_was_put_in_and_nothing_else(shelf: Shelf) -> None:
    with shelf.stage(FIRST) as staging:
        (staging.scratch / "x").write_bytes(b"x")
        file = staging.add(staging.scratch / "x", "config/x.zst", Kind.CONFIG)
        for files in ((), (file, replace(file, path="config/y.zst")), (replace(file, size=2),)):
            with pytest.raises(BackupFailed, match="does not list"):
                staging.publish(manifest_of(FIRST, files))
        with pytest.raises(BackupFailed, match="does not list"):
            staging.publish(manifest_of(SECOND, (file,)))
    assert shelf.list() == ()


def test_a_bundle_is_not_made_twice(shelf: Shelf) -> None:
    made = put_bundle(shelf, FIRST)
    with pytest.raises(BackupFailed, match="is there already"), shelf.stage(FIRST):
        raise AssertionError("a second bundle was begun")
    assert shelf.check(FIRST) == made


@pytest.mark.parametrize("path", ["", "/x", "../x", "a/../x", "a//x", "./x", "manifest.json", "verified.json", "a\0b"])
def test_a_path_that_leaves_the_bundle_is_refused(shelf: Shelf, path: str) -> None:
    with shelf.stage(FIRST) as staging:
        (staging.scratch / "x").write_bytes(b"x")
        with pytest.raises(ValueError, match="is"):
            staging.add(staging.scratch / "x", path, Kind.CONFIG)


def test_only_plain_files_are_taken_in(shelf: Shelf, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/etc/hostname")
    with shelf.stage(FIRST) as staging:
        for source in (link, tmp_path, tmp_path / "nothing"):
            with pytest.raises(BackupFailed, match="cannot back up"):
                staging.add(source, "config/x.zst", Kind.CONFIG)


def test_a_file_is_not_extracted_over_another(shelf: Shelf, tmp_path: Path) -> None:
    file = put_bundle(shelf, FIRST).files[0]
    target = tmp_path / "kept"
    target.write_bytes(b"kept")
    with pytest.raises(StateUnwritable, match="exists"):
        shelf.extract(FIRST, file, target)
    assert target.read_bytes() == b"kept"


def test_a_file_that_is_not_as_the_manifest_says_is_not_extracted(shelf: Shelf, tmp_path: Path) -> None:
    file = put_bundle(shelf, FIRST).files[0]
    with pytest.raises(BundleDamaged, match=FIRST):
        shelf.extract(FIRST, replace(file, sha256="0" * 64), tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_scratch_folder_is_empty_and_gone_afterwards(shelf: Shelf) -> None:
    with shelf.scratch() as scratch, shelf.scratch() as other:
        assert scratch != other
        (scratch / "x").write_bytes(b"x")
        assert list(other.iterdir()) == []
        assert shelf.list() == ()
    assert not scratch.exists()


def test_a_verification_is_remembered_and_a_lesser_one_does_not_replace_it(shelf: Shelf) -> None:
    put_bundle(shelf, FIRST)
    assert shelf.verified(FIRST) is None
    full = Verified(Level.FULL, "2026-11-21T14:20:00Z")
    for verified, known in [
        (Verified(Level.QUICK, "2026-11-21T14:16:00Z"), Verified(Level.QUICK, "2026-11-21T14:16:00Z")),
        (full, full),
        (Verified(Level.QUICK, "2026-11-22T14:16:00Z"), full),
        (Verified(Level.DRILL, "2026-11-23T14:16:00Z", 41.5), Verified(Level.DRILL, "2026-11-23T14:16:00Z", 41.5)),
        (None, None),
    ]:
        shelf.set_verified(FIRST, verified)
        assert shelf.verified(FIRST) == known
    shelf.check(FIRST)


def test_a_removed_bundle_is_gone_and_its_neighbours_stay(shelf: Shelf) -> None:
    put_bundle(shelf, FIRST)
    put_bundle(shelf, SECOND)
    shelf.remove(FIRST)
    assert shelf.list() == (SECOND,)
    shelf.check(SECOND)


@pytest.mark.parametrize("bundle", [FIRST, "../demo", "", ".", "latest"])
def test_a_bundle_that_is_not_there_is_a_usage_error(shelf: Shelf, bundle: str) -> None:
    put_bundle(shelf, SECOND)
    for use in (shelf.manifest, shelf.check, shelf.verified, shelf.remove):
        with pytest.raises(UsageError, match="there is no backup"):
            use(bundle)
