"""The drill on containers: what it breaks is borne, and repaired, also where it is killed itself."""

from __future__ import annotations

import signal
import time
from collections.abc import Container, Iterable, Iterator

import pytest
from _pytest.mark import ParameterSet

from aisuite.drill.catalogue import CATALOGUE
from tests.bed.place import Bed
from tests.docker.failing import DockerSuite
from tests.e2e.killed_drills import breaking, drilling, end, is_steady, undo
from tests.e2e.short_drills import drill_in_short
from tests.e2e.suite import wait_for

UP = ("up", "--demo", "--engine", "docker", "--json")
ALWAYS = ("kill", "pause", "network-cut", "error-500")  # a process, a container, a network, one service for another
SHORT = ("kill", "oom", "dns", "new-address", "error-500")
HERE = sorted(set(CATALOGUE) - {"disk-full"})  # what can be done to containers

pytestmark = pytest.mark.docker


def _mostly_soak(every: Iterable[object], always: Container[object]) -> list[ParameterSet]:
    return [pytest.param(one, marks=() if one in always else pytest.mark.soak) for one in every]


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


@pytest.mark.parametrize("fault", _mostly_soak(HERE, ALWAYS))
def test_a_drill_that_is_killed_while_a_container_is_broken_is_undone(contained: DockerSuite, fault: str) -> None:
    _kill_while_broken(contained, fault)
    undo(contained, fault)
    assert contained.run(*UP).json["plan"] == [], "everything runs as it was rendered"


@pytest.mark.parametrize("fault", _mostly_soak(["network-cut", "error-500"], ["network-cut"]))
def test_the_next_up_repairs_it_too(contained: DockerSuite, fault: str) -> None:
    _kill_while_broken(contained, fault)
    up = contained.run(*UP)
    assert up.code == 0, up.out
    assert not (contained.state / "drill.json").exists()
    assert contained.run(*UP).json["plan"] == []


@pytest.mark.parametrize("seconds", _mostly_soak([0.5, 1.0], [0.5]))
def test_an_undo_that_is_killed_itself_is_finished_by_the_next(contained: DockerSuite, seconds: float) -> None:
    _kill_while_broken(contained, "error-500")
    first = contained.start("drill", "--undo")
    time.sleep(seconds)
    end(first, signal.SIGKILL)
    assert contained.run("drill", "--undo", "--json").code == 0
    wait_for(lambda: is_steady(contained), 60)
    assert contained.run(*UP).json["plan"] == []


@pytest.mark.parametrize("phase", _mostly_soak(["steady state", "recovery"], ["recovery"]))
def test_one_that_is_killed_while_nothing_is_broken_leaves_nothing(contained: DockerSuite, phase: str) -> None:
    wait_for(lambda: is_steady(contained), 60)
    end(drilling(contained, "kill", phase), signal.SIGKILL)
    assert contained.run("drill", "--undo", "--json").json["undone"] == []
    wait_for(lambda: is_steady(contained), 60)


@pytest.mark.parametrize("fault", _mostly_soak(HERE, SHORT))
def test_the_matrix_in_short_form(contained: DockerSuite, fault: str) -> None:
    drill_in_short(contained, fault)
