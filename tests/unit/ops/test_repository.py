"""What a repository gives back comes onto the shelf whole, or not at all."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.bundle.stored import Stored, find_stored
from aisuite.errors import BackupFailed, BundleDamaged, UsageError
from aisuite.ops.repository import bring_back, fetched, list_stored
from tests.fakes.bundles import put_bundle
from tests.fakes.clock import FakeClock

OLD, NEW, OTHER = "20260101T030000Z", "20260201T030000Z-nightly", "20260301T030000Z"
STORED = (Stored(OLD, "aa", "demo"), Stored(NEW, "bb", "demo"), Stored(NEW, "cc", "demo"), Stored(OTHER, "dd", "other"))


@dataclass
class FolderRepository:
    """Gives back what lies on another shelf."""

    source: BundleShelf

    def store(self, shelf: Path, bundle: str, project: str) -> str:
        return f"{project} {shelf / bundle}"

    def bundles(self) -> tuple[Stored, ...]:
        return tuple(Stored(bundle, bundle[:4], "demo") for bundle in self.source.list())

    def fetch(self, stored: Stored, folder: Path) -> None:
        shutil.copytree(self.source.path / stored.bundle, folder / stored.bundle)


@pytest.fixture
def repository(tmp_path: Path) -> FolderRepository:
    source = BundleShelf(tmp_path / "repository")
    put_bundle(source, OLD)
    return FolderRepository(source)


@pytest.fixture
def shelf(tmp_path: Path) -> BundleShelf:
    return BundleShelf(tmp_path / "shelf")


def test_a_bundle_is_found_by_how_its_id_begins_and_the_last_copy_is_taken() -> None:
    assert find_stored(STORED, "202602", "demo").snapshot == "cc"
    assert find_stored(STORED, OTHER, "demo").snapshot == "dd"
    assert find_stored(STORED, None, "demo").snapshot == "cc"
    for wanted, words in [("2026", "3 backups begin"), ("2025", "there is no backup"), ("", "there is no backup")]:
        with pytest.raises(UsageError, match=words):
            find_stored(STORED, wanted, "demo")
    with pytest.raises(UsageError, match="no backup of mine"):
        find_stored(STORED, None, "mine")


def test_what_is_brought_back_lies_on_the_shelf_as_if_it_had_been_made_there(
    repository: FolderRepository, shelf: BundleShelf
) -> None:
    for _ in range(2):  # the second time nothing is fetched
        assert bring_back("2026", "demo", shelf, repository, BundleShelf) == OLD
        assert shelf.check(OLD) == repository.source.manifest(OLD)
        shutil.rmtree(repository.source.path / OLD / "config", ignore_errors=True)
    assert [one.name for one in shelf.path.iterdir()] == [OLD]
    modes = {one.stat().st_mode & 0o777 for one in shelf.path.rglob("*") if one.is_file()}
    assert modes == {0o600}


def test_what_comes_back_damaged_does_not_come_onto_the_shelf(repository: FolderRepository, shelf: BundleShelf) -> None:
    (repository.source.path / OLD / "config" / "state.json.zst").write_bytes(b"else")
    with pytest.raises(BundleDamaged):
        bring_back(OLD, "demo", shelf, repository, BundleShelf)
    assert list(shelf.path.iterdir()) == []


def test_a_bundle_is_looked_at_without_staying(repository: FolderRepository, shelf: BundleShelf) -> None:
    with fetched(OLD, "demo", shelf, repository, BundleShelf) as (bundle, lent):
        assert lent.check(bundle) == repository.source.manifest(OLD)
    assert shelf.list() == ()


def test_a_bundle_that_is_there_is_not_replaced(repository: FolderRepository, shelf: BundleShelf) -> None:
    put_bundle(shelf, OLD)
    with shelf.scratch() as scratch:
        repository.fetch(Stored(OLD, "aa", None), scratch)
        with pytest.raises(BackupFailed, match="is there already"):
            shelf.adopt(scratch / OLD)


def test_the_newest_is_listed_first(repository: FolderRepository) -> None:
    put_bundle(repository.source, NEW)
    assert [one.bundle for one in list_stored(repository, FakeClock()).bundles] == [NEW, OLD]
