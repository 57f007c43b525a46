"""`up` and `restart` on fakes: what they say when a server is not in force as asked for, or takes more than planned."""

from __future__ import annotations

from dataclasses import replace

from aisuite.errors import DriftError
from aisuite.ops.measured_file import read_measured
from aisuite.ops.restart import RestartReport, restart
from aisuite.ops.settle import CardPlan
from aisuite.ops.up import UpRequest, up
from tests.fakes.engine import Program
from tests.fakes.gpu import FakeCalibration, FakeCard, FakeGpu
from tests.unit.ops.deps import World
from tests.unit.ops.test_measure import CHAT, CODE, LOG, MODELS, STACK, make, plan

ON_CPU = ("load_tensors:   CPU_Mapped model buffer size =  1834.00 MiB",)
REQUEST = UpRequest(replace(STACK, models=()), card=CardPlan(plan("chat", "code"), "question"))


def drifting() -> World:
    """A world whose model servers fall back to the CPU in silence."""
    return make(FakeGpu(FakeCard()), ON_CPU)


def test_servers_that_start_one_after_another_are_measured_each() -> None:
    gpu = FakeGpu(FakeCard(), per_process=False)
    gpu.take_at(3, 1, 1996)  # the first look is the check before the start
    gpu.take_at(5, 2, 2000)
    world = make(gpu)
    request = UpRequest(replace(STACK, models=tuple(replace(one, demo_sentence="hi") for one in MODELS)))
    report = up(replace(request, card=REQUEST.card), world.deps)
    measured = {name: one.measured for name, one in report.measured.servers.items()}
    assert measured == {CHAT.name: 1996 * 2**20, CODE.name: 2000 * 2**20}
    assert (report.exit_code, report.failures) == (0, ())


def test_what_is_not_in_force_ends_with_8_and_leaves_the_suite_running() -> None:
    world = drifting()
    report = up(REQUEST, world.deps)
    assert (report.exit_code, len(report.failures)) == (8, 2)
    assert all(isinstance(err, DriftError) for err in report.failures)
    assert {one.health for one in report.services} == {"healthy"}


def test_drift_is_said_again_as_long_as_the_servers_run_so() -> None:
    world = drifting()
    up(REQUEST, world.deps)
    again = up(REQUEST, world.deps)
    assert (bool(again.plan), again.exit_code) == (False, 8)


def test_drift_can_be_taken_as_it_is_and_that_is_recorded() -> None:
    world = drifting()
    up(REQUEST, world.deps)
    assert up(replace(REQUEST, force=True), world.deps).exit_code == 0
    assert all(one.forced for one in read_measured(world.workdir).servers.values())
    assert up(REQUEST, world.deps).exit_code == 0


def test_a_driver_that_vanishes_after_the_check_stops_nothing() -> None:
    gpu = FakeGpu(FakeCard())
    gpu.breaks_after = 1
    report = up(REQUEST, make(gpu, LOG).deps)
    assert report.exit_code == 0
    assert {one.measured for one in report.measured.servers.values()} == {None}


def test_what_was_learnt_of_the_card_is_kept_and_only_the_most_counts() -> None:
    gpu = FakeGpu(FakeCard(), per_process=False)
    world = make(gpu)
    gpu.take_at(3, 1, 1996)
    gpu.take_at(5, 2, 2010)
    up(REQUEST, world.deps)
    assert isinstance(world.deps.calibration, FakeCalibration)
    (learnt,) = world.deps.calibration.kept.values()
    assert learnt.bytes == (2010 - 1890) * 2**20


def restarted(world: World) -> RestartReport:
    return restart(REQUEST.stack, [CHAT.name], world.deps)


def test_a_restarted_server_is_measured_against_what_up_planned_for_it() -> None:
    gpu = FakeGpu(FakeCard(), per_process=False)
    gpu.take_at(3, 1, 1996)
    gpu.take_at(5, 2, 2000)
    world = make(gpu)
    stack = replace(STACK, models=tuple(replace(one, demo_sentence="hi") for one in MODELS))
    first = up(replace(REQUEST, stack=stack), world.deps).measured.servers[CHAT.name]
    gpu.take(1, 0)
    gpu.take_at(9, 3, 2003)  # after the two looks that `up` learns from
    report = restart(stack, [CHAT.name], world.deps)
    assert (first.planned, first.holds) == (1989 * 2**20, "within tolerance")
    (again,) = report.measured.servers.values()
    assert (again.planned, again.planned_parts) == (first.planned, first.planned_parts)
    assert (again.measured, again.holds) == (2003 * 2**20, "within tolerance")
    kept = read_measured(world.workdir).servers
    assert (kept[CHAT.name], set(kept)) == (again, {CHAT.name, CODE.name})


def test_a_server_that_comes_back_otherwise_than_asked_ends_a_restart_with_8() -> None:
    world = make(FakeGpu(FakeCard()), LOG)
    up(REQUEST, world.deps)
    world.engine.programs[CHAT.name] = Program(says=ON_CPU)
    report = restarted(world)
    assert report.exit_code == 8
    assert [err.message.splitlines()[0] for err in report.drift] == [f"{CHAT.name} does not run as it was asked to:"]
    assert {one.health for one in report.services} == {"healthy"}


def test_what_was_taken_as_it_is_stays_so_over_a_restart() -> None:
    world = drifting()
    up(replace(REQUEST, force=True), world.deps)
    assert restarted(world).exit_code == 0
    assert all(one.forced for one in read_measured(world.workdir).servers.values())
