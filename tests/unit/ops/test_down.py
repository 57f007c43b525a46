"""`down` on fakes: data goes only when that is asked for, and only after what uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisuite.errors import ProjectLocked
from aisuite.ops.down import down
from aisuite.ops.status import status
from aisuite.ops.up import UpRequest, up
from tests.fakes.stacks import phase2_stack
from tests.unit.ops.deps import World, make_world


class FakeData:
    """Two folders; each is removed only when nothing runs."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.names = ["one", "two"]

    def find(self) -> tuple[str, ...]:
        return tuple(self.names)

    def remove(self, name: str) -> None:
        assert self._world.engine.observe().services == ()
        self.names.remove(name)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A stack that is up."""
    made = make_world(folder=tmp_path)
    up(UpRequest(phase2_stack()), made.deps)
    return made


def test_data_stays_unless_its_removal_is_asked_for(world: World) -> None:
    assert down(world.deps).removed == ()


def test_data_is_removed_after_what_uses_it(world: World) -> None:
    data = FakeData(world)
    report = down(world.deps, data)
    assert (report.removed, data.names) == (("one", "two"), [])
    assert len(report.stopped) == 6
    assert status(world.deps).record is None


def test_a_locked_project_keeps_its_data(world: World) -> None:
    data = FakeData(world)
    world.workdir.holder = "up"
    with pytest.raises(ProjectLocked):
        down(world.deps, data)
    assert data.names == ["one", "two"]


def test_what_was_measured_goes_with_the_servers(world: World) -> None:
    world.workdir.write({"measured.json": "{}"})
    down(world.deps)
    assert world.workdir.read("measured.json") is None
