"""The lock of images: written from what is here, compared with what is here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aisuite.adapters.shared_folder import SharedFolder
from aisuite.errors import DownloadFailed, UsageError
from aisuite.ops.image_lock import LockReport, find_exact, lock_images, read_lock, verify_images
from aisuite.ops.images import NeededImage
from aisuite.ports import LocalImage
from aisuite.stack.image_lock import LOCK_FILE, Locked
from tests.fakes.images import FakeImages, hashed

A, B, OURS = "ghcr.io/x/a:1", "b:2", "aisuite/service:0.1.0"
ID_A, ID_B = hashed("id a"), hashed("id b")
NEEDED = (
    NeededImage(A, ("a",), built=False),
    NeededImage(B, ("b",), built=False),
    NeededImage(OURS, ("c",), built=True),
)


def full() -> FakeImages:
    made = LocalImage(hashed("made"), 1, None)
    return FakeImages(here={A: LocalImage(ID_A, 1, hashed("a")), B: LocalImage(ID_B, 1, hashed("b")), OURS: made})


def states(report: LockReport) -> dict[str, str]:
    return {row.reference: row.state for row in report.images}


def test_the_digests_of_what_is_here_are_locked_and_found_again(tmp_path: Path) -> None:
    folder = SharedFolder(tmp_path)
    report = lock_images(NEEDED, full(), folder)
    assert (report.changed, report.exit_code) == (True, 0)
    assert states(report) == {A: "same", B: "same", OURS: "local"}
    assert read_lock(folder) == {A: Locked(hashed("a"), ID_A), B: Locked(hashed("b"), ID_B)}
    assert not lock_images(NEEDED, full(), folder).changed
    assert verify_images(NEEDED, full(), folder) == replace(report, changed=False)


def test_what_is_made_here_is_not_locked_even_where_the_engine_gives_it_a_digest(tmp_path: Path) -> None:
    folder, images = SharedFolder(tmp_path), full()
    images.here[OURS] = replace(images.here[OURS], digest=hashed("ours"))
    assert states(lock_images(NEEDED, images, folder))[OURS] == "local"
    assert OURS not in read_lock(folder)


def test_entries_of_other_profiles_stay(tmp_path: Path) -> None:
    folder = SharedFolder(tmp_path)
    lock_images(NEEDED[:1], full(), folder)
    lock_images(NEEDED[1:], full(), folder)
    assert set(read_lock(folder)) == {A, B}


def test_what_differs_is_missing_or_not_locked_ends_with_8(tmp_path: Path) -> None:
    folder, images = SharedFolder(tmp_path), full()
    lock_images(NEEDED[:1], images, folder)
    report = verify_images(NEEDED, images, folder)
    assert (states(report)[B], report.exit_code) == ("unlocked", 8)
    images.here[A] = replace(images.here[A], digest=hashed("moved"), id=hashed("id moved"))
    report = verify_images(NEEDED[:1], images, folder)
    assert (states(report), report.exit_code) == ({A: "differs"}, 8)
    assert (report.images[0].locked, report.images[0].found) == (hashed("a"), hashed("moved"))
    del images.here[A]
    assert (verify_images(NEEDED[:1], images, folder).exit_code) == 8


def test_an_image_that_came_from_a_file_is_known_by_its_id(tmp_path: Path) -> None:
    folder, images = SharedFolder(tmp_path), full()
    lock_images(NEEDED, images, folder)
    images.here[A] = replace(images.here[A], digest=None)
    assert states(verify_images(NEEDED, images, folder))[A] == "same"
    images.here[A] = replace(images.here[A], id=hashed("another"))
    assert states(verify_images(NEEDED, images, folder))[A] == "differs"


def test_a_digest_in_the_profile_needs_no_lock(tmp_path: Path) -> None:
    folder, images = SharedFolder(tmp_path), full()
    own = NeededImage(f"{A}@{hashed('a')}", ("a",), built=False)
    assert states(lock_images((own,), images, folder)) == {own.reference: "same"}
    assert read_lock(folder) == {}
    assert verify_images((own,), images, folder).exit_code == 0


def test_nothing_is_locked_when_an_image_is_not_here(tmp_path: Path) -> None:
    images = full()
    del images.here[B]
    with pytest.raises(DownloadFailed, match=B) as caught:
        lock_images(NEEDED, images, SharedFolder(tmp_path))
    assert caught.value.hint == "aisuite images pull"
    assert list(tmp_path.iterdir()) == []


def test_without_a_lock_there_is_nothing_to_verify(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=LOCK_FILE) as caught:
        verify_images(NEEDED, full(), SharedFolder(tmp_path))
    assert caught.value.hint == "aisuite images lock"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "other/1"}', '{"schema": "aisuite.images-lock/1"}'])
def test_a_lock_that_is_none_is_named_with_the_way_out(text: str, tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text(text)
    with pytest.raises(UsageError, match="is no lock of images") as caught:
        read_lock(SharedFolder(tmp_path))
    assert str(caught.value.hint).startswith(f"rm {tmp_path}")


def test_an_image_that_is_not_the_locked_one_is_as_good_as_none() -> None:
    images, lock = full(), {A: Locked(hashed("a"), ID_A)}
    assert find_exact(images, A, lock) == images.here[A]
    assert find_exact(images, B, lock) == images.here[B]
    images.here[A] = replace(images.here[A], digest=None)
    assert find_exact(images, A, lock) == images.here[A]
    images.here[A] = replace(images.here[A], id=hashed("another"))
    assert find_exact(images, A, lock) is None
    assert find_exact(images, "c:1", lock) is None
