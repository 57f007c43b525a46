"""`restart` on fakes: exactly what was asked for, with the settings it has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aisuite.errors import DriftError, NotReady, NotRunning, ProjectLocked, StepFailed, UsageError
from aisuite.ops.restart import plan_restart, restart
from aisuite.ops.status import status
from aisuite.ops.up import UpRequest, up
from tests.fakes.engine import Program
from tests.fakes.stacks import out_of_order, phase2_stack
from tests.unit.ops.deps import World, make_world

STACK = phase2_stack()
ALL = [service.name for service in STACK.services]


@pytest.fixture
def world() -> World:
    """A stack that is up; `calls` are those after it."""
    made = make_world()
    up(UpRequest(STACK), made.deps)
    made.engine.calls.clear()
    return made


def _pids(world: World) -> dict[str, int | None]:
    return {service.name: service.pid for service in world.engine.observe().services}


def test_only_the_named_services_are_restarted(world: World) -> None:
    before = _pids(world)
    report = restart(STACK, ["rag", "qdrant"], world.deps)
    changed = {name for name, pid in _pids(world).items() if pid != before[name]}
    assert changed == {"rag", "qdrant"}
    assert {one.step.subject for one in report.results} == changed
    assert {one.health for one in report.services} == {"healthy"}


def test_without_a_name_all_are_restarted_each_after_what_it_needs(world: World) -> None:
    before = _pids(world)
    restart(STACK, [], world.deps)
    assert all(pid != before[name] for name, pid in _pids(world).items())
    started = [call.removeprefix("start ") for call in world.engine.calls if call.startswith("start")]
    assert out_of_order(started, STACK) == []


def test_a_service_that_was_stopped_from_outside_is_started(world: World) -> None:
    world.engine.stop("rag")
    restart(STACK, ["rag"], world.deps)
    assert world.engine.observe().find("rag")


def test_a_plan_waits_only_for_services_that_it_restarts_too() -> None:
    rag, gateway = plan_restart(STACK, ["rag"]).steps[0], plan_restart(STACK, ["rag", "api-gateway"]).steps[1]
    assert (rag.after, gateway.after) == ((), ("recreate api-gateway",))
    assert {step.cause for step in plan_restart(STACK, ALL).steps} == {"asked for"}


def test_a_name_that_is_none_is_refused_with_the_nearest_and_nothing_stops(world: World) -> None:
    with pytest.raises(UsageError, match="no service 'ragg'") as caught:
        restart(STACK, ["rag", "ragg"], world.deps)
    assert caught.value.hint == "aisuite restart rag"
    assert world.engine.calls == []


def test_a_changed_profile_is_refused_rather_than_half_applied(world: World) -> None:
    changed = replace(STACK, services=STACK.services[:-1])
    with pytest.raises(DriftError, match=r"process\.txt") as caught:
        restart(changed, ["qdrant"], world.deps)
    assert str(caught.value.hint).startswith("aisuite up")
    assert world.engine.calls == []


def test_a_service_that_does_not_come_back_fails_the_command_and_the_others_run_on(world: World) -> None:
    world.engine.programs["qdrant"] = Program(dies=1, says=("OSError: No space left on device",))
    with pytest.raises(NotReady, match="qdrant: the disk is full"):
        restart(STACK, ["qdrant"], world.deps)
    health = {one.name: one.health for one in status(world.deps).services}
    assert health.pop("qdrant") == "-"
    assert set(health.values()) == {"healthy"}


def test_several_failures_are_one_error_that_names_each(world: World) -> None:
    world.engine.programs |= {"inference-chat": Program(dies=1), "inference-code": Program(dies=1)}
    with pytest.raises(StepFailed, match="2 services did not come up again") as caught:
        restart(STACK, ["inference-chat", "inference-code"], world.deps)
    assert "inference-chat" in caught.value.message
    assert "inference-code" in caught.value.message


def test_the_record_tells_how_long_the_restart_took(world: World) -> None:
    world.engine.programs["rag"] = Program(ready_after=40)
    restart(STACK, ["rag"], world.deps)
    seconds = {one.name: one.seconds_to_healthy or 0 for one in status(world.deps).services}
    assert seconds["rag"] >= 2


def test_what_was_never_started_cannot_be_restarted() -> None:
    with pytest.raises(NotRunning):
        restart(STACK, [], make_world().deps)


def test_a_locked_project_is_left_alone(world: World) -> None:
    world.workdir.holder = "up"
    with pytest.raises(ProjectLocked):
        restart(STACK, [], world.deps)
    assert world.engine.calls == []
