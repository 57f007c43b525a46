"""What a repository gives back lies beside the shelf until the restore is over; what no rule keeps is forgotten."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.bundle import JOURNAL
from aisuite.bundle.identity import make_id
from aisuite.bundle.retention import Keep
from aisuite.bundle.stored import Stored, find_stored
from aisuite.errors import BackupFailed, BundleDamaged, RestoreFailed, UsageError
from aisuite.ops.backups import ForgetRequest
from aisuite.ops.repository import (
    bring_back,
    fetched,
    forget_stored,
    forget_stored_by_policy,
    give_back,
    list_stored,
)
from aisuite.stack.model import BackupPolicy
from tests.fakes.bundles import put_bundle
from tests.fakes.clock import FakeClock
from tests.fakes.repository import HERE, FolderRepository
from tests.fakes.workdir import FakeWorkdir

OLD, NEW, OTHER = "20260101T030000Z", "20260201T030000Z-nightly", "20260301T030000Z"
STORED = (Stored(OLD, "aa", "demo"), Stored(NEW, "bb", "demo"), Stored(NEW, "cc", "demo"), Stored(OTHER, "dd", "other"))
SHELF = BundleShelf(Path("/srv/backups"))
NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)


@pytest.fixture
def repository(tmp_path: Path) -> FolderRepository:
    source = BundleShelf(tmp_path / "repository")
    put_bundle(source, OLD)
    return FolderRepository(source)


@pytest.fixture
def places(tmp_path: Path) -> tuple[BundleShelf, BundleShelf]:
    return BundleShelf(tmp_path / "shelf"), BundleShelf(tmp_path / "fetched")


def damage(repository: FolderRepository, bundle: str = OLD) -> None:
    (repository.source.path / bundle / "config" / "state.json.zst").write_bytes(b"else")


def test_a_bundle_is_found_by_how_its_id_begins_and_the_last_copy_is_taken() -> None:
    assert find_stored(STORED, "202602", "demo").snapshot == "cc"
    assert find_stored(STORED, OTHER, "demo").snapshot == "dd"
    assert find_stored(STORED, None, "demo").snapshot == "cc"
    for wanted, words in [("2026", "3 backups begin"), ("2025", "there is no backup"), ("", "there is no backup")]:
        with pytest.raises(UsageError, match=words):
            find_stored(STORED, wanted, "demo")
    with pytest.raises(UsageError, match="no backup of mine"):
        find_stored(STORED, None, "mine")


def test_what_is_fetched_for_a_restore_lies_beside_the_shelf_and_goes_with_it(
    repository: FolderRepository, places: tuple[BundleShelf, BundleShelf]
) -> None:
    shelf, lent = places
    for _ in range(2):  # the second time nothing is fetched
        assert bring_back("2026", "demo", places, repository, BundleShelf) == (OLD, lent)
        assert lent.check(OLD) == repository.source.manifest(OLD)
        shutil.rmtree(repository.source.path / OLD / "config", ignore_errors=True)
    assert shelf.list() == ()
    assert {one.stat().st_mode & 0o777 for one in lent.path.rglob("*") if one.is_file()} == {0o600}
    assert give_back(lent, FakeWorkdir()) == (OLD,)
    assert list(lent.path.iterdir()) == []
    assert give_back(lent, FakeWorkdir()) == ()


def test_what_lies_on_the_shelf_is_not_fetched(
    repository: FolderRepository, places: tuple[BundleShelf, BundleShelf]
) -> None:
    put_bundle(places[0], OLD)
    assert bring_back(OLD, "demo", places, repository, BundleShelf) == (OLD, places[0])
    assert not places[1].path.exists()


def test_what_a_restore_that_was_cut_off_needs_stays(
    repository: FolderRepository, places: tuple[BundleShelf, BundleShelf]
) -> None:
    bring_back(OLD, "demo", places, repository, BundleShelf)
    workdir = FakeWorkdir()
    workdir.write({JOURNAL: "{}"})
    assert give_back(places[1], workdir) == ()
    assert places[1].list() == (OLD,)


def test_what_another_restore_may_be_reading_stays(
    repository: FolderRepository, places: tuple[BundleShelf, BundleShelf]
) -> None:
    bring_back(OLD, "demo", places, repository, BundleShelf)
    workdir = FakeWorkdir()
    workdir.holder = "restore"
    assert give_back(places[1], workdir) == ()
    assert places[1].list() == (OLD,)


def test_what_comes_back_damaged_is_laid_nowhere_and_noted(
    repository: FolderRepository, places: tuple[BundleShelf, BundleShelf]
) -> None:
    damage(repository)
    with pytest.raises(BundleDamaged):
        bring_back(OLD, "demo", places, repository, BundleShelf)
    assert list(places[1].path.iterdir()) == []
    assert [one.damaged for one in repository.bundles()] == [True]


def test_a_bundle_is_looked_at_without_staying_and_damage_is_noted(
    repository: FolderRepository, places: tuple[BundleShelf, BundleShelf]
) -> None:
    shelf, _ = places
    with fetched(OLD, "demo", shelf, repository, BundleShelf) as (stored, lent):
        assert lent.check(stored.bundle) == repository.source.manifest(OLD)
    assert (shelf.list(), repository.damaged) == ((), set())
    damage(repository)
    with (
        pytest.raises(BundleDamaged),
        fetched(OLD, "demo", shelf, repository, BundleShelf) as (stored, lent),
    ):
        lent.check(stored.bundle)
    assert repository.damaged == {OLD}


def test_damage_is_told_also_when_it_cannot_be_noted(
    repository: FolderRepository, places: tuple[BundleShelf, BundleShelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Stored, *, damaged: bool) -> None:
        raise BackupFailed("the repository is locked")

    monkeypatch.setattr(repository, "mark", refuse)
    damage(repository)
    with pytest.raises(BundleDamaged, match=r"state\.json\.zst[^\n]*\nand that could not be noted: .* locked"):
        bring_back(OLD, "demo", places, repository, BundleShelf)


def test_a_bundle_that_is_there_is_not_replaced(
    repository: FolderRepository, places: tuple[BundleShelf, BundleShelf]
) -> None:
    shelf, _ = places
    put_bundle(shelf, OLD)
    with shelf.scratch() as scratch:
        repository.fetch(Stored(OLD, "aa", None), scratch)
        with pytest.raises(BackupFailed, match="is there already"):
            shelf.adopt(scratch / OLD)


def test_the_newest_is_listed_first(repository: FolderRepository) -> None:
    put_bundle(repository.source, NEW)
    assert [one.bundle for one in list_stored(repository, FakeClock()).bundles] == [NEW, OLD]


def stored(day: int, **more: str | bool | None) -> Stored:
    bundle = make_id(NOW - timedelta(days=day))
    return replace(Stored(bundle, f"of day {day}", "demo", HERE, str(SHELF.path)), **more)  # type: ignore[arg-type]


def of_days(*kept: Stored) -> FolderRepository:
    return FolderRepository(BundleShelf(Path("/nowhere")), added=list(kept))


def forget(repository: FolderRepository, keep: Keep, **more: bool) -> tuple[str, ...]:
    return forget_stored(ForgetRequest(keep, **more), "demo", SHELF, repository, FakeWorkdir()).removed


def test_the_rules_of_the_shelf_are_those_of_the_repository() -> None:
    repository = of_days(*(stored(day) for day in range(5)))
    assert forget(repository, Keep(last=2), dry_run=True) == tuple(stored(day).bundle for day in (2, 3, 4))
    assert len(repository.added) == 5
    forget(repository, Keep(last=2))
    assert repository.added == [stored(0), stored(1)]
    assert (forget(repository, Keep(last=2)), repository.pruned) == ((), 0)
    forget(repository, Keep(last=2), prune=True)  # space that an earlier one has left
    assert repository.pruned == 1


def test_the_newest_that_is_not_damaged_stays_in_the_repository() -> None:
    repository = of_days(stored(0, damaged=True), stored(1, damaged=True), stored(2), stored(3))
    forget(repository, Keep(last=1))
    assert [one.snapshot for one in repository.added] == ["of day 0", "of day 1", "of day 2"]


def test_what_was_stored_twice_goes_as_one() -> None:
    repository = of_days(stored(0), stored(1), stored(1, snapshot="again"))
    assert forget(repository, Keep(last=1)) == (stored(1).bundle,)
    assert repository.added == [stored(0)]


def test_other_projects_machines_and_shelves_are_left_alone_and_take_no_place() -> None:
    others = (
        stored(1, project="other"),
        stored(2, host="other-machine"),
        stored(3, shelf="/home/other/.aisuite/demo/backups"),
        stored(4, project=None, host=None, shelf=None),
    )
    repository = of_days(stored(5), *others, stored(6))
    report = forget_stored(ForgetRequest(Keep(last=1)), "demo", SHELF, repository, FakeWorkdir())
    assert (report.removed, report.left_alone) == ((stored(6).bundle,), others)
    assert repository.added == [stored(5), *others]


def test_without_a_rule_or_in_the_middle_of_a_restore_nothing_is_forgotten() -> None:
    repository, workdir = of_days(stored(0), stored(1)), FakeWorkdir()
    with pytest.raises(UsageError, match="say what to keep"):
        forget(repository, Keep())
    workdir.write({JOURNAL: "{}"})
    with pytest.raises(RestoreFailed, match="ended in the middle"):
        forget_stored(ForgetRequest(Keep(last=1)), "demo", SHELF, repository, workdir)
    assert forget_stored_by_policy(BackupPolicy(), "demo", SHELF, repository, workdir) is None
    assert len(repository.added) == 2


def test_the_profiles_rules_are_those_of_the_repository_too() -> None:
    repository = of_days(stored(0), stored(1))
    report = forget_stored_by_policy(BackupPolicy(keep_last=1), "demo", SHELF, repository, FakeWorkdir())
    assert report is not None
    assert (report.removed, report.pruned) == ((stored(1).bundle,), False)
