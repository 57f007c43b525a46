"""What is on the shelf: listed, verified, forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aisuite.bundle import JOURNAL
from aisuite.bundle.identity import make_id
from aisuite.bundle.model import DatabaseFacts, Kind, Level, Verified
from aisuite.bundle.retention import Keep
from aisuite.errors import BundleDamaged, NotReady, ProjectLocked, RestoreFailed, UsageError
from aisuite.ops.backup_age import METRICS, newest_verified, render_age, write_age
from aisuite.ops.backups import (
    ForgetReport,
    ForgetRequest,
    find_backup,
    forget_backups,
    forget_by_policy,
    list_backups,
    verify_backup,
)
from aisuite.ops.up import UpRequest, up
from aisuite.ops.upgrade_journal import Pending, begin_upgrade
from aisuite.stack.model import BackupPolicy
from tests.fakes.bundles import CONTENTS, manifest_of, put_bundle
from tests.fakes.clock import FakeClock
from tests.fakes.databases import FakeDatabases
from tests.fakes.shelf import FakeShelf
from tests.unit.ops.deps import World, make_world
from tests.unit.ops.generation_world import STACK, changeable_world, changed

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PASSED = Verified(Level.FULL, "2026-11-21T00:00:00Z")
DATABASE = "databases/rag/rag.db.zst"


@pytest.fixture
def shelf(tmp_path: Path) -> FakeShelf:
    return FakeShelf(tmp_path / "backups")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(folder=tmp_path)


def put(shelf: FakeShelf, *days_ago: int, project: str = "demo", verified: bool = True) -> list[str]:
    ids = [make_id(NOW - timedelta(days=days), project) for days in days_ago]
    for bundle in ids:
        put_bundle(shelf, bundle, {"config/x.zst": b"x"}, project)
        if verified:
            shelf.set_verified(bundle, PASSED)
    return ids


def put_with_database(shelf: FakeShelf, facts: DatabaseFacts | None = None) -> str:
    content = CONTENTS[DATABASE]
    bundle = make_id(NOW)
    with shelf.stage(bundle) as staging:
        (staging.scratch / "db").write_bytes(content)
        file = staging.add(staging.scratch / "db", DATABASE, Kind.DATABASE, service="rag")
        found = FakeDatabases().examine(staging.scratch / "db")
        facts = facts or DatabaseFacts(DATABASE, 3, found.rows, found.content_digest)
        staging.publish(replace(manifest_of(bundle, (file,)), databases=(facts,)))
    return bundle


def forget(shelf: FakeShelf, world: World, keep: Keep, *, dry_run: bool = False) -> ForgetReport:
    return forget_backups(ForgetRequest(keep, dry_run), "demo", shelf, world.deps)


def test_backups_are_listed_newest_first_with_what_is_known_of_them(shelf: FakeShelf) -> None:
    old, new = put(shelf, 3, 1)
    (other,) = put(shelf, 2, project="other", verified=False)
    report = list_backups("demo", shelf, FakeClock(NOW.timestamp()))
    assert [one.id for one in report.bundles] == [new, other, old]
    assert [one.verified for one in report.bundles] == [PASSED, None, PASSED]
    assert [one.manifest.project for one in report.bundles if one.manifest] == ["demo", "other", "demo"]
    assert report.now == NOW


def test_a_bundle_is_found_by_how_its_id_begins(shelf: FakeShelf) -> None:
    old, new = put(shelf, 30, 1)
    assert find_backup(old, "demo", shelf) == old
    assert find_backup("202611", "demo", shelf) == new
    for wanted, words in [("2026", "2 backups begin"), ("2025", "there is no backup"), ("", "there is no backup")]:
        with pytest.raises(UsageError, match=words):
            find_backup(wanted, "demo", shelf)


def test_without_an_id_the_projects_newest_is_meant(shelf: FakeShelf) -> None:
    with pytest.raises(UsageError, match="there is no backup of demo"):
        find_backup(None, "demo", shelf)
    (own,) = put(shelf, 2)
    put(shelf, 1, project="other")
    assert find_backup(None, "demo", shelf) == own


def test_a_quick_check_looks_at_files_only(shelf: FakeShelf) -> None:
    bundle, databases = put_with_database(shelf), FakeDatabases()
    report = verify_backup(bundle, Level.QUICK, shelf, databases, FakeClock())
    assert (report.verified.level, report.databases, databases.examined) == (Level.QUICK, 0, [])
    assert shelf.verified(bundle) == report.verified


def test_a_full_check_examines_every_database(shelf: FakeShelf) -> None:
    bundle, databases = put_with_database(shelf), FakeDatabases()
    report = verify_backup(bundle, Level.FULL, shelf, databases, FakeClock())
    assert (report.verified.level, report.databases, databases.examined) == (Level.FULL, 1, ["rag.db"])
    assert list(shelf.path.iterdir()) == []


def test_damage_is_told_and_a_damaged_bundle_counts_as_verified_no_more(shelf: FakeShelf) -> None:
    bundle = put_with_database(shelf)
    shelf.set_verified(bundle, PASSED)
    shelf.damage(bundle, DATABASE)
    with pytest.raises(BundleDamaged, match=bundle):
        verify_backup(bundle, Level.QUICK, shelf, FakeDatabases(), FakeClock())
    assert shelf.verified(bundle) is None


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (DatabaseFacts(DATABASE, 4, {"lines": 4000}, ""), "its schema is version 3; the manifest says 4"),
        (DatabaseFacts(DATABASE, 3, {"lines": 3999}, ""), "it has not the rows"),
        (DatabaseFacts(DATABASE, 3, {"lines": 4000}, "d" * 64), "its rows are not those"),
    ],
)
def test_a_database_that_is_not_as_the_manifest_says_is_damage(
    shelf: FakeShelf, facts: DatabaseFacts, words: str
) -> None:
    bundle = put_with_database(shelf, facts)
    with pytest.raises(BundleDamaged, match=words):
        verify_backup(bundle, Level.FULL, shelf, FakeDatabases(), FakeClock())


def test_a_database_that_fails_sqlites_own_checks_is_damage_with_the_bundles_name(shelf: FakeShelf) -> None:
    bundle = put_with_database(shelf)
    with pytest.raises(BundleDamaged, match=rf"{bundle} is damaged: {DATABASE}: integrity_check"):
        verify_backup(bundle, Level.FULL, shelf, FakeDatabases(broken={CONTENTS[DATABASE]}), FakeClock())


def test_a_database_that_nobody_described_cannot_pass(shelf: FakeShelf) -> None:
    put_bundle(shelf, make_id(NOW), {DATABASE: b"x"})
    manifest = shelf.manifest(make_id(NOW))
    shelf.put(replace(manifest, databases=()), {DATABASE: b"x"})
    with pytest.raises(BundleDamaged, match="does not describe it"):
        verify_backup(manifest.id, Level.FULL, shelf, FakeDatabases(), FakeClock())


def test_what_no_rule_keeps_is_removed(shelf: FakeShelf, world: World) -> None:
    ids = put(shelf, 4, 3, 2, 1)
    report = forget(shelf, world, Keep(last=2))
    assert shelf.list() == tuple(ids[2:])
    assert report.removed == (ids[1], ids[0])
    assert [one.id for one in report.kept] == [ids[3], ids[2]]
    assert report.bytes == 2


def test_forgetting_again_removes_nothing(shelf: FakeShelf, world: World) -> None:
    put(shelf, 40, 9, 8, 3, 1)
    forget(shelf, world, Keep(daily=2, monthly=2))
    left = shelf.list()
    assert forget(shelf, world, Keep(daily=2, monthly=2)).removed == ()
    assert shelf.list() == left


def test_a_dry_run_says_what_would_go_and_removes_nothing(shelf: FakeShelf, world: World) -> None:
    ids = put(shelf, 2, 1)
    assert forget(shelf, world, Keep(last=1), dry_run=True).removed == (ids[0],)
    assert shelf.list() == tuple(ids)


def test_the_newest_verified_backup_stays_though_newer_ones_failed(shelf: FakeShelf, world: World) -> None:
    (good,) = put(shelf, 3)
    newer = put(shelf, 2, 1, verified=False)
    assert forget(shelf, world, Keep(last=1)).removed == ()
    assert shelf.list() == (good, *newer)


def test_other_projects_backups_are_left_alone_and_take_no_place(shelf: FakeShelf, world: World) -> None:
    old, new = put(shelf, 3, 1)
    (other,) = put(shelf, 2, project="other")
    report = forget(shelf, world, Keep(last=1))
    assert (report.removed, [one.id for one in report.left_alone]) == ((old,), [other])
    assert shelf.list() == (other, new)


def test_without_a_rule_nothing_is_removed(shelf: FakeShelf, world: World) -> None:
    put(shelf, 2, 1)
    with pytest.raises(UsageError, match="say what to keep"):
        forget(shelf, world, Keep())
    assert len(shelf.list()) == 2


def test_nothing_is_removed_while_somebody_works_on_the_project(shelf: FakeShelf, world: World) -> None:
    put(shelf, 2, 1)
    with world.workdir.lock("backup"), pytest.raises(ProjectLocked):
        forget(shelf, world, Keep(last=1))
    assert len(shelf.list()) == 2


def test_nothing_is_removed_while_a_restore_may_have_to_be_taken_back(shelf: FakeShelf, world: World) -> None:
    put(shelf, 2, 1)
    world.workdir.write({JOURNAL: "{}"})
    with pytest.raises(RestoreFailed, match="ended in the middle"):
        forget(shelf, world, Keep(last=1))
    assert len(shelf.list()) == 2


def test_the_age_is_that_of_the_projects_newest_verified_backup(shelf: FakeShelf, world: World) -> None:
    assert newest_verified(shelf, "demo") is None
    put(shelf, 4, 3)
    put(shelf, 2, verified=False)
    put(shelf, 1, project="other")
    assert newest_verified(shelf, "demo") == (NOW - timedelta(days=3)).timestamp()
    write_age(world.workdir, shelf, "demo", FakeClock(NOW.timestamp()))
    assert f'age_seconds{{project="demo"}} {3 * 86400}\n' in (world.workdir.read(METRICS) or "")


def test_without_a_verified_backup_every_alert_on_its_age_fires() -> None:
    assert 'aisuite_last_verified_backup_age_seconds{project="demo"} +Inf' in render_age("demo", None, 1.0)


def test_the_metrics_are_what_prometheus_reads() -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    families = {one.name: one for one in text_string_to_metric_families(render_age("demo", 100.0, 160.0))}
    samples = {name: (family.samples[0].labels, family.samples[0].value) for name, family in families.items()}
    assert samples == {
        "aisuite_last_verified_backup_age_seconds": ({"project": "demo"}, 60.0),
        "aisuite_last_verified_backup_timestamp_seconds": ({"project": "demo"}, 100.0),
    }


def test_the_profiles_rules_remove_what_they_do_not_keep_and_without_one_nothing_goes(
    shelf: FakeShelf, world: World
) -> None:
    old, middle, new = put(shelf, 3, 2, 1)
    (other,) = put(shelf, 9, project="other")
    assert forget_by_policy(BackupPolicy(), "demo", shelf, world.workdir) is None
    assert shelf.list() == (other, old, middle, new)
    report = forget_by_policy(BackupPolicy(keep_within="36h"), "demo", shelf, world.workdir)
    assert report is not None
    assert (report.removed, shelf.list()) == ((old,), (other, middle, new))


def test_the_backup_that_a_rollback_needs_stays(shelf: FakeShelf) -> None:
    before_upgrade, old, new = put(shelf, 3, 2, 1)
    world = changeable_world()
    up(UpRequest(STACK), world.deps)
    up(UpRequest(changed(STACK, "rag", "--topk", "9"), bundle=before_upgrade), world.deps)
    report = forget_by_policy(BackupPolicy(keep_last=1), "demo", shelf, world.workdir)
    assert report is not None
    assert [one.reasons for one in report.kept] == [("newest verified", "last"), ("goes with generation 1",)]
    assert (report.removed, shelf.list()) == ((old,), (before_upgrade, new))


def test_the_backup_that_was_made_before_a_change_that_failed_stays(shelf: FakeShelf) -> None:
    before_change, new = put(shelf, 3, 1)
    world = changeable_world()
    up(UpRequest(STACK), world.deps)
    with pytest.raises(NotReady):
        up(UpRequest(changed(STACK, "rag", "--bad"), bundle=before_change, strict=True), world.deps)
    forget(shelf, world, Keep(last=1))
    assert shelf.list() == (before_change, new)
    up(UpRequest(STACK), world.deps)  # all is as it was
    forget(shelf, world, Keep(last=1))
    assert shelf.list() == (new,)


def test_the_backup_of_an_upgrade_that_has_not_ended_stays(shelf: FakeShelf, world: World) -> None:
    pending, _ = put(shelf, 2, 1)
    begin_upgrade(world.workdir, Pending(1, pending))
    forget(shelf, world, Keep(last=1))
    assert pending in shelf.list()
