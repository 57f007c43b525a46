"""Backups and restores of containers, also killed: what is kept is exactly the old or exactly the new."""

from __future__ import annotations

from collections.abc import Iterator
from secrets import token_hex

import pytest

from aisuite.bundle.known_queries import QUERIES
from tests.bed.place import Bed
from tests.e2e.killing import RANDOM_TIMES, each_step_of_backup, each_way
from tests.e2e.letters import (
    Letters,
    kill_a_backup,
    kill_a_restore,
    kill_at_a_random_moment,
    letters_in,
    restore_over_damage,
)
from tests.e2e.suite import Suite

pytestmark = pytest.mark.docker

PROJECT = f"restore-{token_hex(4)}"


@pytest.fixture(scope="module")
def letters(docker_bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Letters]:
    """A demo suite in containers that is up and got one letter."""
    suite = Suite(tmp_path_factory.mktemp("suite"))
    suite.env |= docker_bed.variables()
    with letters_in(suite, PROJECT, "docker") as made:
        yield made


@pytest.mark.parametrize(("step", "end"), each_way(("aliases", "--undo"), ("place", "--resume")))
def test_a_restore_that_is_killed_is_finished_or_taken_back(letters: Letters, step: str, end: str) -> None:
    kill_a_restore(letters, step, end)


@pytest.mark.parametrize("step", each_step_of_backup())
def test_a_backup_that_is_killed_is_none_and_touches_nothing(letters: Letters, step: str) -> None:
    kill_a_backup(letters, step)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(RANDOM_TIMES))
def test_killed_at_any_moment_all_is_as_it_was_or_as_it_shall_be(letters: Letters, seed: int) -> None:
    print(kill_at_a_random_moment(letters, seed))


@pytest.mark.soak
def test_a_service_that_cannot_start_on_its_damaged_database_runs_behind_a_restore(
    letters: Letters, docker_bed: Bed
) -> None:
    (rag,) = docker_bed.docker("ps", "--quiet", "--filter", f"name={PROJECT}-rag").split()
    restore_over_damage(letters, int(docker_bed.docker("inspect", "--format", "{{.State.Pid}}", rag)))


def test_a_drill_compares_and_leaves_nothing(letters: Letters, docker_bed: Bed) -> None:
    drill = letters.done("backup", "verify", letters.last.bundle, "--level", "drill", "--json").json

    assert drill["sampled_points"] == drill["points"] > 0
    assert 0 < drill["queries"] <= QUERIES
    assert docker_bed.docker("volume", "ls", "--quiet", "--filter", f"name={PROJECT}-drill").split() == []
    assert docker_bed.docker("ps", "--all", "--quiet", "--filter", f"name={PROJECT}-drill").split() == []


def test_running_or_stopped_they_give_the_same_content(letters: Letters) -> None:
    """The last one: it leaves the suite stopped."""
    running = letters.look()
    manifest = letters.shelf.manifest(running.bundle)
    assert set(manifest.images.values()) != {""}
    assert manifest.databases[0].rows["documents"] == manifest.collections[0].points > 0

    letters.done("down")

    assert letters.look().content == running.content
    assert letters.done("ps", "--json").json["services"] == []
