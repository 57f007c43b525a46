"""What services keep is exchanged by names, and being cut off anywhere in between loses nothing."""

from pathlib import Path

import pytest

from aisuite.adapters.kept_places import KeptPlaces
from aisuite.errors import StateUnwritable

PLACES = KeptPlaces()


def make_folder(path: Path, text: str) -> Path:
    path.mkdir()
    (path / "file").write_text(text)
    return path


def test_a_folder_takes_the_place_of_another_which_is_kept(tmp_path: Path) -> None:
    target, new = make_folder(tmp_path / "uploads", "old"), make_folder(tmp_path / "new", "new")

    for _ in range(2):
        PLACES.exchange(new, target, tmp_path / "pre")

    assert (target / "file").read_text() == "new"
    assert (tmp_path / "pre" / "file").read_text() == "old"


def test_an_exchange_that_was_cut_off_between_its_renames_is_finished(tmp_path: Path) -> None:
    make_folder(tmp_path / "pre", "old")
    new = make_folder(tmp_path / "new", "new")

    PLACES.exchange(new, tmp_path / "uploads", tmp_path / "pre")

    assert (tmp_path / "uploads" / "file").read_text() == "new"
    assert (tmp_path / "pre" / "file").read_text() == "old"


def test_what_a_service_made_anew_does_not_replace_what_is_kept(tmp_path: Path) -> None:
    make_folder(tmp_path / "pre", "old")
    target, new = make_folder(tmp_path / "uploads", "of a service"), make_folder(tmp_path / "new", "new")

    PLACES.exchange(new, target, tmp_path / "pre")

    assert (target / "file").read_text() == "new"
    assert (tmp_path / "pre" / "file").read_text() == "old"


def test_a_database_is_put_away_with_all_its_files_and_what_was_cut_off_is_finished(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("database")
    (tmp_path / "a.db.pre-wal").write_text("wal")  # gone already
    (tmp_path / "a.db-shm").write_text("shm")

    for _ in range(2):
        PLACES.put_away(tmp_path / "a.db", tmp_path / "a.db.pre")

    assert {one.name for one in tmp_path.iterdir()} == {"a.db.pre", "a.db.pre-wal", "a.db.pre-shm"}


def test_removing_takes_a_database_with_all_its_files_a_folder_and_nothing(tmp_path: Path) -> None:
    for name in ("a.db", "a.db-wal", "a.db-shm", "a.db-journal"):
        (tmp_path / name).write_text("")
    make_folder(tmp_path / "folder", "content")

    for name in ("a.db", "folder", "nothing", "no/folder"):
        PLACES.remove(tmp_path / name)

    assert list(tmp_path.iterdir()) == []


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    make_folder(tmp_path / "folder", "content")
    (tmp_path / "link").symlink_to(tmp_path / "folder")

    PLACES.remove(tmp_path / "link")

    assert (tmp_path / "folder" / "file").read_text() == "content"


def test_folders_are_made_for_this_user_only(tmp_path: Path) -> None:
    PLACES.make_folder(tmp_path / "a" / "b")
    PLACES.make_folder(tmp_path / "a" / "b")
    PLACES.sync(tmp_path / "a")

    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b")] == [0o700, 0o700]


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StateUnwritable, match="cannot use"):
        PLACES.make_folder(tmp_path / "file" / "folder")
