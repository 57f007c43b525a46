"""`up` on fakes: what it says when a server is not in force as asked for, or takes more than planned."""

from __future__ import annotations

from dataclasses import replace

from aisuite.errors import DriftError
from aisuite.ops.measured_file import read_measured
from aisuite.ops.settle import CardPlan
from aisuite.ops.up import UpRequest, up
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
