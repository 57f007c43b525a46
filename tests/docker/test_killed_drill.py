"""A drill that is killed while a container is broken: `--undo`, or the next `up`, brings the stack back."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from aisuite.drill.catalogue import CATALOGUE
from aisuite.drill.model import Action
from tests.bed.place import Bed
from tests.docker.failing import DockerSuite
from tests.e2e.killed_drills import breaking, drilling, end, is_steady, undo
from tests.e2e.suite import wait_for

UP = ("up", "--demo", "--engine", "docker", "--json")
HERE = sorted(set(CATALOGUE) - {"disk-full"})  # what can be done to containers
ONE_OF_A_KIND = [
    "kill", "hang", "pause", "both-down", "qdrant-restart", "error-500",
    "network-cut", "network-drop", "dns", "new-address", "oom",
]  # fmt: skip
OTHERS = [fault for fault in HERE if fault not in ONE_OF_A_KIND]


@pytest.fixture(scope="module")
def contained(docker_bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerSuite]:
    """A demo suite in containers that is up."""
    suite = DockerSuite(tmp_path_factory.mktemp("suite"), docker_bed)
    up = suite.run(*UP)
    try:
        assert up.code == 0, up.out + up.err
        yield suite
    finally:
        suite.run("down", "--volumes", "--yes")


def _kill_while_broken(suite: DockerSuite, fault: str) -> None:
    wait_for(lambda: is_steady(suite), 60)
    process = breaking(suite, fault)
    time.sleep(0.5)  # into the injection, or past it
    assert end(process, signal.SIGKILL) == -signal.SIGKILL


def _is_undone(suite: DockerSuite, fault: str) -> None:
    _kill_while_broken(suite, fault)
    undo(suite, fault)
    assert suite.run(*UP).json["plan"] == [], "everything runs as it was rendered"


def test_every_kind_of_undo_is_among_those_that_always_run() -> None:
    kinds = {CATALOGUE[fault].action for fault in ONE_OF_A_KIND}
    assert kinds == set(Action) - {Action.FILL_DISK}


@pytest.mark.docker
@pytest.mark.parametrize("fault", ONE_OF_A_KIND)
def test_a_drill_that_is_killed_while_a_container_is_broken_is_undone(contained: DockerSuite, fault: str) -> None:
    _is_undone(contained, fault)


# Without the marker `docker`: they are the long runs of `make soak`, and of nothing else.
@pytest.mark.e2e
@pytest.mark.soak
@pytest.mark.parametrize("fault", OTHERS)
def test_so_is_one_of_every_other_fault(contained: DockerSuite, fault: str) -> None:
    _is_undone(contained, fault)


@pytest.mark.docker
@pytest.mark.parametrize("fault", ["network-cut", "error-500"])
def test_the_next_up_repairs_it_too(contained: DockerSuite, fault: str) -> None:
    _kill_while_broken(contained, fault)
    up = contained.run(*UP)
    assert up.code == 0, up.out
    assert not (contained.state / "drill.json").exists()
    assert contained.run(*UP).json["plan"] == []


@pytest.mark.docker
@pytest.mark.parametrize("seconds", [0.5, 1.0])
def test_an_undo_that_is_killed_itself_is_finished_by_the_next(contained: DockerSuite, seconds: float) -> None:
    _kill_while_broken(contained, "error-500")
    first = contained.start("drill", "--undo")
    time.sleep(seconds)
    end(first, signal.SIGKILL)
    assert contained.run("drill", "--undo", "--json").code == 0
    wait_for(lambda: is_steady(contained), 60)
    assert contained.run(*UP).json["plan"] == []


@pytest.mark.docker
@pytest.mark.parametrize("phase", ["steady state", "recovery"])
def test_one_that_is_killed_while_nothing_is_broken_leaves_nothing(contained: DockerSuite, phase: str) -> None:
    wait_for(lambda: is_steady(contained), 60)
    end(drilling(contained, "kill", phase), signal.SIGKILL)
    assert contained.run("drill", "--undo", "--json").json["undone"] == []
    wait_for(lambda: is_steady(contained), 60)
