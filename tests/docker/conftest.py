"""A real Docker Engine for the tests that need one."""

from __future__ import annotations

import faulthandler
import sys
from typing import TYPE_CHECKING

import pytest

from tests.bed import engine, network
from tests.bed.images import PYTHON
from tests.bed.place import Bed
from tests.bed.up import bring_down, bring_up
from tests.contract.engines import DockerCase
from tests.docker.failing import build_images, remove_images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fakes.engine import Program


@pytest.fixture(scope="session")
def docker_bed() -> Iterator[Bed]:
    """The bed, up, with its images, and this process in its network; a bed that was down is taken down again.

    Without it the tests fail: a skipped test proves nothing.
    """
    bed = Bed.from_environment()
    was_up = engine.version(bed) is not None
    # Ends the watch over this one test: to make all images takes a minute, and several where other work goes on.
    faulthandler.cancel_dump_traceback_later()
    bring_up(bed, _say)
    try:
        with network.entered(network.find(bed)):
            yield bed
    finally:
        if not was_up:
            bring_down(bed, _say)


@pytest.fixture
def docker_environment(docker_bed: Bed, monkeypatch: pytest.MonkeyPatch) -> Bed:
    """The bed, as this process's own environment names it: what an adapter finds by itself."""
    for name, value in docker_bed.variables().items():
        monkeypatch.setenv(name, value)
    return docker_bed


def _say(line: str) -> None:
    print(line, file=sys.stderr)


@pytest.fixture(scope="session")
def failing_images(docker_bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The images of which each fails in one way; made once for all modules."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in docker_bed.variables().items():
            environment.setenv(name, value)
        build_images(tmp_path_factory.mktemp("images"))
        yield
        remove_images()


@pytest.fixture
def new_project(docker_environment: Bed, tmp_path: Path) -> Iterator[Callable[..., DockerCase]]:
    """Make projects of services that behave as their programs say."""
    made: list[DockerCase] = []

    def make(**programs: Program) -> DockerCase:
        made.append(DockerCase(tmp_path / f"project {len(made)}", programs, PYTHON))
        return made[-1]

    yield make
    for case in made:
        case.engine().close()
