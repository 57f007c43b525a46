"""What a drill has broken is journalled before, and repaired by it, by `--undo`, or by the next `up`."""

from __future__ import annotations

import pytest

from aisuite.drill.catalogue import CATALOGUE
from aisuite.drill.journal import format_journal, parse_journal
from aisuite.drill.model import Action, Undo
from aisuite.errors import StepFailed
from aisuite.ops.drill_undo import JOURNAL, undo_left
from aisuite.ops.failover_drill import DrillReport, drill, undo_drill
from aisuite.ops.up import UpRequest, up
from tests.unit.ops.drill_world import DrillWorld

KILL = CATALOGUE["kill"]


def _drill(world: DrillWorld) -> DrillReport:
    return drill(world.request(KILL), world.deps, world.doors())


def test_a_killed_drill_is_undone_later() -> None:
    world = DrillWorld()
    entries = (Undo("both-down", Action.STOP, "inference-chat"), Undo("both-down", Action.STOP, "inference-code"))
    world.world.workdir.write({JOURNAL: format_journal(entries)})
    assert undo_left(world.stack, world.deps) == entries
    assert world.faults.done == ["undo stop inference-code", "undo stop inference-chat"]
    assert JOURNAL not in world.world.workdir.files
    assert undo_left(world.stack, world.deps) == ()


def test_of_a_stack_that_no_longer_runs_only_a_full_disk_is_undone() -> None:
    world = DrillWorld()
    entries = (Undo("kill", Action.KILL, "inference-chat"), Undo("disk-full", Action.FILL_DISK, "qdrant"))
    world.world.workdir.write({JOURNAL: format_journal(entries)})
    world.world.engine.close()
    undo_left(world.stack, world.deps)
    assert world.faults.done == ["undo fill-disk qdrant"]


def test_no_drill_begins_on_what_a_killed_one_has_left() -> None:
    world = DrillWorld()
    world.world.workdir.write({JOURNAL: format_journal([Undo("kill", Action.KILL, "inference-chat")])})
    with pytest.raises(StepFailed) as found:
        _drill(world)
    assert found.value.hint == "aisuite failover-drill --undo"
    assert world.faults.done == []


def test_a_broken_journal_is_named_with_the_way_out() -> None:
    world = DrillWorld()
    world.world.workdir.write({JOURNAL: "{}"})
    with pytest.raises(StepFailed, match=r"drill.json is no journal of a drill"):
        undo_left(world.stack, world.deps)


def test_the_next_up_repairs_what_a_killed_drill_has_left() -> None:
    world = DrillWorld()
    entries = (Undo("hang", Action.HANG, "inference-chat"), Undo("hang", Action.HANG, "gone-since"))
    world.world.workdir.write({JOURNAL: format_journal(entries)})
    world.world.engine.signal("inference-chat", "STOP")
    report = up(UpRequest(world.stack), world.deps)
    assert world.faults.done == ["undo hang inference-chat"]
    assert JOURNAL not in world.world.workdir.files
    assert {one.health for one in report.services} == {"healthy"}
    assert report.repaired == entries
    assert up(UpRequest(world.stack), world.deps).repaired == ()


def test_undo_of_a_stack_that_no_drill_has_broken_does_nothing() -> None:
    world = DrillWorld()
    world.world.workdir.holder = "up"  # it is not even asked for
    assert undo_drill(world.stack, world.deps) == ()


def test_a_repair_that_fails_leaves_the_journal_for_undo() -> None:
    world = DrillWorld()

    def refuse(undo: Undo) -> None:
        raise StepFailed(f"{undo.service} cannot be started")

    world.faults.undo = refuse  # type: ignore[method-assign]
    with pytest.raises(StepFailed, match="inference-chat cannot be started") as found:
        _drill(world)
    assert found.value.hint == "aisuite failover-drill --undo"
    assert JOURNAL in world.world.workdir.files


def test_every_fault_is_journalled_before_it_is_made_and_forgotten_after_its_repair() -> None:
    world = DrillWorld()
    seen: list[tuple[Undo, ...]] = []
    hit = world.faults.on_inject
    assert hit is not None

    def look_first(undo: Undo) -> None:
        seen.append(parse_journal(world.world.workdir.files[JOURNAL]))
        hit(undo)

    world.faults.on_inject = look_first
    _drill(world)
    assert seen == [(Undo("kill", Action.KILL, "inference-chat"),)]
    assert JOURNAL not in world.world.workdir.files
    assert world.faults.done == ["inject kill inference-chat", "undo kill inference-chat"]
