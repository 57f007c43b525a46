"""What is remembered of an `up`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aisuite.ops.down import down
from aisuite.ops.record import read_last_engine, read_record, record_of, write_record
from aisuite.ops.up import UpRequest, up
from tests.fakes.stacks import phase2_stack
from tests.fakes.workdir import FakeWorkdir
from tests.unit.ops.deps import make_world


def test_up_remembers_the_file_of_its_profile() -> None:
    world = make_world()
    up(UpRequest(phase2_stack(), profile_file=Path("/srv/mine.yaml")), world.deps)
    record = read_record(world.workdir)
    assert record is not None
    assert record.profile_file == "/srv/mine.yaml"


def test_a_record_without_a_file_is_read_as_before() -> None:
    workdir = FakeWorkdir()
    record = record_of(phase2_stack(), {}, None)
    write_record(workdir, record)
    workdir.files["stack.json"] = workdir.files["stack.json"].replace(',\n  "profile_file": null', "")
    assert read_record(workdir) == record


def test_the_engine_is_known_after_a_down_and_is_that_of_the_last_up(tmp_path: Path) -> None:
    world = make_world(folder=tmp_path)
    assert read_last_engine(world.workdir) is None
    up(UpRequest(replace(phase2_stack(), engine="docker")), world.deps)
    down(world.deps)
    assert read_record(world.workdir) is None
    assert read_last_engine(world.workdir) == "docker"
    up(UpRequest(phase2_stack()), world.deps)
    assert read_last_engine(world.workdir) == "process"
