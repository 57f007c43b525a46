"""Backups and restores that are killed, on real processes: what is kept is exactly the old or exactly the new."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.ports.failpoint import KILLED
from tests.e2e.killing import NO_WAY_BACK, RANDOM_TIMES, WHOLE, each_step_of_backup, each_way, killed_sometime
from tests.e2e.small_suite import SmallSuite

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallSuite]:
    small = SmallSuite(tmp_path_factory.mktemp("small"))
    small.up()
    small.fill_all()
    yield small
    small.down()


def every_listed_backup_verifies(small: SmallSuite) -> None:
    shelf = BundleShelf(small.folder / "backups")
    assert [shelf.check(bundle).id for bundle in shelf.list()] == list(shelf.list())


@pytest.mark.parametrize(("step", "end"), each_way(("place", "--resume"), ("place", "--undo")))
def test_a_restore_that_is_killed_is_finished_or_taken_back(small: SmallSuite, step: str, end: str) -> None:
    new, bundle = small.digest(), small.backup()
    small.change(f"{step} {end}")
    old = small.digest()

    killed = small.run("restore", bundle, "--yes", AISUITE_FAILPOINT=f"restore.{step}")
    assert killed.code == KILLED, killed.err
    back = end == "--undo" and step not in NO_WAY_BACK
    ended = small.run("restore", "--undo" if back else "--resume")

    assert ended.code == 0, ended.err
    assert small.digest() == (old if back else new)
    assert small.leftovers() == []
    every_listed_backup_verifies(small)


@pytest.mark.parametrize("step", each_step_of_backup("backup.collection"))
def test_a_backup_that_is_killed_is_none_and_touches_nothing(small: SmallSuite, step: str) -> None:
    before, listed = small.digest(), BundleShelf(small.folder / "backups").list()

    assert small.run("backup", AISUITE_FAILPOINT=step).code == KILLED

    assert small.digest() == before
    after = BundleShelf(small.folder / "backups").list()
    assert after == listed or step in WHOLE
    every_listed_backup_verifies(small)
    small.backup()
    assert small.snapshots() == []


def test_a_stopped_suite_is_restored_and_stays_stopped(small: SmallSuite) -> None:
    new, bundle = small.digest(), small.backup()
    small.change("before it was stopped")
    small.down()
    try:
        assert small.run("restore", bundle, "--yes").code == 0
        assert small.deps.engine.observe().services == ()
    finally:
        small.up()

    assert small.digest() == new


def test_a_database_that_was_damaged_under_its_service_is_replaced_and_stays_beside(small: SmallSuite) -> None:
    new, bundle = small.digest(), small.backup()
    small.database.write_bytes(b"no database" * 1000)

    restored = small.run("restore", bundle, "--yes", "--json")

    assert restored.code == 0, restored.out
    assert small.digest() == new
    (damaged,) = restored.json["damaged"]
    assert damaged["path"] == str(small.database)
    assert Path(damaged["stays_as"]).read_bytes() == b"no database" * 1000


def test_a_drill_restores_beside_the_suite_measures_and_leaves_nothing(small: SmallSuite) -> None:
    before, bundle = small.digest(), small.backup()

    ran = small.run("backup", "verify", bundle, "--level", "drill", "--json")

    assert ran.code == 0, ran.out
    assert ran.json["verified"]["level"] == "drill"
    assert ran.json["sampled_points"] == ran.json["points"] > 0
    assert ran.json["rto_seconds"] > 0
    assert small.digest() == before
    assert [one.name for one in small.folder.parent.iterdir()] == ["small"]


@pytest.mark.parametrize(
    "round_", [pytest.param(one, marks=(pytest.mark.soak,) if one else ()) for one in range(RANDOM_TIMES)]
)
def test_killed_at_any_moment_all_is_as_it_was_or_as_it_shall_be(small: SmallSuite, round_: int) -> None:
    chance = random.Random(round_)
    new, began = small.digest(), time.monotonic()
    bundle = small.backup()
    usual = time.monotonic() - began  # how fast this machine is now
    small.change(f"round {round_}")
    old = small.digest()

    killed_sometime(small.start("backup"), chance.uniform(0.2, 1.0) * usual)
    assert small.digest() == old
    every_listed_backup_verifies(small)

    killed_sometime(small.start("restore", bundle, "--yes"), chance.uniform(0.2, 2.5) * usual)
    possible = (old, new)
    if (small.folder / "restore.json").exists():
        possible = (end_it(small, chance.choice(["--resume", "--undo"]), old, new),)
    assert small.digest() in possible
    assert small.leftovers() == []
    every_listed_backup_verifies(small)


def end_it(small: SmallSuite, how: str, old: str, new: str) -> str:
    """Finish a restore that was cut off, or take it back while there is a way back; return what must be there now."""
    ended = small.run("restore", how)
    if how == "--undo" and ended.code:
        assert "is in force" in ended.err
        how, ended = "--resume", small.run("restore", "--resume")
    assert ended.code == 0, ended.err
    return new if how == "--resume" else old
