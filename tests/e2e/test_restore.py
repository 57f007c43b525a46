"""Backups and restores that are killed, on real processes: what is kept is exactly the old or exactly the new."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.bundle.restore_steps import Step
from tests.e2e.small_suite import SmallSuite

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

KILLED = 137
ALWAYS = {"place"}  # the others in `make soak`
BACKUP = ("begin", "collections", "collection", "databases", "database", "folders", "config", "publish", "verify")
RANDOM_TIMES = 30


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallSuite]:
    small = SmallSuite(tmp_path_factory.mktemp("small"))
    small.up()
    small.fill_all()
    yield small
    small.down()


def steps(always: set[str]) -> list[object]:
    marked = ((str(step), () if step in always else (pytest.mark.soak,)) for step in Step)
    return [pytest.param(step, marks=marks) for step, marks in marked]


def every_listed_backup_verifies(small: SmallSuite) -> None:
    shelf = BundleShelf(small.folder / "backups")
    assert [shelf.check(bundle).id for bundle in shelf.list()] == list(shelf.list())


@pytest.mark.parametrize("end", ["--resume", "--undo"])
@pytest.mark.parametrize("step", steps(ALWAYS))
def test_a_restore_that_is_killed_is_finished_or_taken_back(small: SmallSuite, step: str, end: str) -> None:
    new, bundle = small.digest(), small.backup()
    small.change(f"{step} {end}")
    old = small.digest()

    killed = small.run("restore", bundle, "--yes", AISUITE_FAILPOINT=f"restore.{step}")
    assert killed.code == KILLED, killed.err
    ended = small.run("restore", "--undo" if end == "--undo" and step != "tidy" else "--resume")

    assert ended.code == 0, ended.err
    assert small.digest() == (old if end == "--undo" and step != "tidy" else new)
    assert small.leftovers() == []
    every_listed_backup_verifies(small)


@pytest.mark.parametrize(
    "step", [pytest.param(one, marks=() if one == "publish" else (pytest.mark.soak,)) for one in BACKUP]
)
def test_a_backup_that_is_killed_is_none_and_touches_nothing(small: SmallSuite, step: str) -> None:
    before, listed = small.digest(), BundleShelf(small.folder / "backups").list()

    assert small.run("backup", AISUITE_FAILPOINT=f"backup.{step}").code == KILLED

    assert small.digest() == before
    after = BundleShelf(small.folder / "backups").list()
    assert after == listed or step == "verify"
    every_listed_backup_verifies(small)


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


def test_a_drill_restores_beside_the_suite_measures_and_leaves_nothing(small: SmallSuite) -> None:
    before, bundle = small.digest(), small.backup()

    ran = small.run("backup", "verify", bundle, "--level", "drill", "--json")

    assert ran.code == 0, ran.out
    assert ran.json["verified"]["level"] == "drill"
    assert ran.json["sampled_points"] == ran.json["points"] > 0
    assert ran.json["rto_seconds"] > 0
    assert small.digest() == before
    assert [one.name for one in small.folder.parent.iterdir()] == ["small"]


@pytest.mark.soak
@pytest.mark.parametrize("round_", range(RANDOM_TIMES))
def test_killed_at_any_moment_it_is_finished_or_taken_back(small: SmallSuite, round_: int) -> None:
    chance = random.Random(round_)
    new, bundle = small.digest(), small.backup()
    small.change(f"round {round_}")
    old = small.digest()

    process = small.start("restore", bundle, "--yes")
    time.sleep(chance.uniform(0.2, 3.0))
    process.kill()
    process.communicate()
    if (small.folder / "restore.json").exists():
        ended = small.run("restore", chance.choice(["--resume", "--undo"]))
        if ended.code:
            ended = small.run("restore", "--resume")
        assert ended.code == 0, ended.err

    assert small.digest() in (old, new)
    assert small.leftovers() == []
    every_listed_backup_verifies(small)
