"""After a start: what is in force and what it takes, from the lines of a run that a test can steer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from aisuite.errors import DriftError
from aisuite.ops.carry_out import Event, PlanRun
from aisuite.ops.measure import CardWatch, measure, planned_for
from aisuite.ops.measured_file import Measured, drift_of, read_measured, update_measured, write_measured
from aisuite.plan.model import Plan, Step, Verb
from aisuite.stack.model import Card as WantedCard
from aisuite.stack.model import ModelFile
from aisuite.units import Mib
from aisuite.vram.model import (
    Budget,
    Card,
    LlamaBuild,
    Memory,
    Overhead,
    Parts,
    ServerFlags,
    Share,
    Verdict,
    VramPlan,
)
from aisuite.vram.verdict import Holds
from tests.fakes.engine import Program
from tests.fakes.gpu import FakeCalibration, FakeCard, FakeGpu
from tests.fakes.probe import FakeProbe
from tests.fakes.stacks import FOLDER, make_service, make_stack
from tests.unit.ops.deps import World, make_world
from tests.unit.vram.test_verdict import SHAPE

MIB = 2**20
LOG = (
    "load_tensors: offloaded 37/37 layers to GPU",
    "load_tensors:        CUDA0 model buffer size =  1834.00 MiB",
    "llama_kv_cache:      CUDA0 KV buffer size =    36.00 MiB",
    "llama_kv_cache: size = 36.00 MiB ( 1024 cells, 36 layers, 1/1 seqs), K (f16): 18.00 MiB, V (f16): 18.00 MiB",
    "sched_reserve:      CUDA0 compute buffer size =    20.00 MiB",
)
FLAGS = ("llama-server", "-c", "1024", "-np", "1", "-ngl", "999", "-ctk", "f16", "-lv", "4")
CHAT = replace(make_service("inference-chat", 8001, command=FLAGS), gpu=True)
CODE = replace(make_service("inference-code", 8004, command=FLAGS), gpu=True)
MODELS = tuple(
    ModelFile(name, f"inference-{name}", FOLDER / f"{name}.gguf", None, f"{name}.gguf", "main", None, None)
    for name in ("chat", "code")
)
STACK = make_stack(CHAT, CODE, models=MODELS, gpu_device=0)
ON_CPU = make_stack(
    replace(make_service("inference-chat", 8001, command=(*FLAGS[:5], "-ngl", "0", "-ctk", "f16", "-lv", "4"))),
    models=MODELS[:1],
)


def plan(*models: str) -> VramPlan:
    given = Memory(Parts(model=1834 * MIB, kv=36 * MIB, compute=20 * MIB), Parts())
    overhead = Overhead(99 * MIB, "45 MiB + 2.7 MiB per SM, 20 SMs")
    shares = tuple(Share(model, SHAPE, ServerFlags(context=1024), given, overhead, "") for model in models)
    card = Card("RTX 4050 Laptop", 6141 * MIB, 5900 * MIB, here=True)
    budget = Budget(card, None, Mib(200))
    return VramPlan(budget, LlamaBuild(11669, "b11669"), "0.7", 5000 * MIB, shares, Verdict.FITS, (), None)


def make(gpu: FakeGpu, log: tuple[str, ...] = LOG, tells: dict[str, Any] | None = None) -> World:
    world = make_world({"inference-chat": Program(says=log), "inference-code": Program(says=log)})
    probe = FakeProbe(world.engine)
    probe.tells = tells or {}
    world.workdir.write({"secrets/service_key": "secret\n"})
    return replace(world, deps=replace(world.deps, gpu=gpu, probe=probe, calibration=FakeCalibration()))


def start(
    world: World, *names: str, vram: VramPlan | None = None, forced: bool = False, stack: Any = STACK
) -> Measured:
    """Start these servers one after another, and measure."""
    watch = CardWatch(stack, world.deps, lambda _: None)
    previous: tuple[str, ...] = ()
    steps = []
    for name in names:
        steps.append(Step(Verb.START, name, "asked for", previous))
        previous = (steps[-1].id,)
    PlanRun(stack, {}, Plan(tuple(steps)), world.deps, watch).run()
    reports = measure(stack, planned_for(stack, vram), watch, world.engine.observe(), world.deps)
    return update_measured(world.workdir, reports, {one.name for one in stack.services}, forced=forced)


def test_a_server_that_takes_its_share_is_within_tolerance_and_teaches_the_overhead() -> None:
    gpu = FakeGpu(FakeCard())
    gpu.take_at(2, 1001, 1996)
    world = make(gpu)
    split = start(world, "inference-chat", vram=plan("chat", "code")).servers["inference-chat"]
    assert (split.holds, split.measured, split.planned) == (Holds.WITHIN, 1996 * MIB, 1989 * MIB)
    assert world.deps.calibration is not None
    learnt = world.deps.calibration.find("RTX 4050 Laptop")
    assert learnt is not None
    assert (learnt.bytes, learnt.source[:16]) == (106 * MIB, "measured here on")


def test_two_servers_are_told_apart_by_what_the_card_loses_around_each_start() -> None:
    gpu = FakeGpu(FakeCard(lost=216), per_process=False)
    gpu.take_at(2, 1, 1996)
    gpu.take_at(4, 2, 2000)
    servers = start(make(gpu), "inference-chat", "inference-code", vram=plan("chat", "code")).servers
    assert [servers[name].measured for name in servers] == [1996 * MIB, 2000 * MIB]


def test_what_a_game_takes_while_a_server_starts_is_not_the_servers() -> None:
    gpu = FakeGpu(FakeCard())
    gpu.take_at(2, 1001, 1996)
    gpu.cards[0].programs[77] = 10
    world = make(gpu)

    def listen(event: Event) -> None:
        if event.kind == "start":
            gpu.take(77, 800)

    watch = CardWatch(STACK, world.deps, listen)
    PlanRun(STACK, {}, Plan((Step(Verb.START, "inference-chat", ""),)), world.deps, watch).run()
    result = measure(STACK, planned_for(STACK, plan("chat")), watch, world.engine.observe(), world.deps)
    assert result["inference-chat"].measured == 1996 * MIB


def test_in_wsl2_a_program_that_takes_memory_mid_start_makes_the_server_over_and_is_suspected() -> None:
    gpu = FakeGpu(FakeCard(), per_process=False)
    gpu.take_at(2, 1, 1996 + 800)
    split = start(make(gpu), "inference-chat", vram=plan("chat")).servers["inference-chat"]
    assert split.holds == Holds.OVER
    assert "another process may have taken it" in split.why


def test_a_recreated_server_is_measured_from_when_its_predecessor_is_gone() -> None:
    gpu = FakeGpu(FakeCard(programs={900: 1996}), per_process=False)
    world = make(gpu)
    world.engine.open(STACK)
    world.engine.start(CHAT, {})
    gpu.take_at(1, 900, 0)
    gpu.take_at(2, 901, 1996)
    watch = CardWatch(STACK, world.deps, lambda _: None)
    PlanRun(STACK, {}, Plan((Step(Verb.RECREATE, "inference-chat", ""),)), world.deps, watch).run()
    result = measure(STACK, planned_for(STACK, plan("chat")), watch, world.engine.observe(), world.deps)
    assert result["inference-chat"].measured == 1996 * MIB


@pytest.mark.parametrize("questions", [0, 1])
def test_a_driver_that_vanishes_in_the_middle_makes_it_not_measurable_and_no_error(questions: int) -> None:
    gpu = FakeGpu(FakeCard())
    gpu.breaks_after = questions
    result = start(make(gpu), "inference-chat", vram=plan("chat"))
    split = result.servers["inference-chat"]
    assert (split.holds, split.measured) == (Holds.NOT_MEASURABLE, None)
    assert split.why == "the card's driver did not answer while it started"
    assert split.allocated == {"model": 1834 * MIB, "kv": 36 * MIB, "compute": 20 * MIB}
    assert drift_of(result) == ()


def test_a_server_that_fell_back_to_the_cpu_in_silence_is_drift_with_exit_code_8() -> None:
    on_cpu = ("load_tensors:   CPU_Mapped model buffer size =  1834.00 MiB",)
    (error,) = drift_of(start(make(FakeGpu(FakeCard()), on_cpu), "inference-chat", vram=plan("chat")))
    assert isinstance(error, DriftError)
    assert (error.exit_code, "it runs on the CPU" in error.message) == (8, True)
    assert error.hint is not None


def test_what_the_server_itself_answers_is_compared_with_its_flags() -> None:
    tells = {
        "http://127.0.0.1:8001/props": {"total_slots": 4, "default_generation_settings": {"n_ctx": 1024}},
        "http://127.0.0.1:8001/slots": "not a list",
    }
    (error,) = drift_of(start(make(FakeGpu(FakeCard()), LOG, tells), "inference-chat"))
    assert "slots: 1 asked for, 4 in force" in error.message


def test_what_is_forced_is_recorded_and_no_error() -> None:
    world = make(FakeGpu(FakeCard()), ("load_tensors:   CPU_Mapped model buffer size =  1834.00 MiB",))
    result = start(world, "inference-chat", vram=plan("chat"), forced=True)
    assert drift_of(result) == ()
    report = read_measured(world.workdir).servers["inference-chat"]
    assert report.forced
    assert report.differences


def test_a_server_on_the_cpu_is_read_back_and_costs_no_look_at_a_card() -> None:
    gpu = FakeGpu()
    gpu.breaks_after = 0
    on_cpu = ("load_tensors:   CPU_Mapped model buffer size =  1834.00 MiB",)
    result = start(make(gpu, on_cpu), "inference-chat", stack=ON_CPU)
    assert result.servers["inference-chat"].allocated == {"model": 0, "kv": 0, "compute": 0}
    assert result.servers["inference-chat"].why == "it uses no card"
    assert drift_of(result) == ()
    assert gpu.broken == ""


def test_a_log_without_the_lines_is_waited_for_and_then_no_difference() -> None:
    world = make(FakeGpu(FakeCard()), ("main: loading",))
    result = start(world, "inference-chat", vram=plan("chat"))
    assert drift_of(result) == ()
    assert result.servers["inference-chat"].allocated is None


def test_servers_that_a_run_left_alone_keep_what_was_measured() -> None:
    world = make(FakeGpu(FakeCard()))
    first = start(world, "inference-chat", vram=plan("chat"))
    second = start(world, "inference-code", vram=plan("code"))
    assert second.servers["inference-chat"] == first.servers["inference-chat"]
    assert read_measured(world.workdir) == second


def test_a_server_that_left_the_stack_is_forgotten() -> None:
    world = make(FakeGpu(FakeCard()))
    start(world, "inference-chat", "inference-code")
    alone = make_stack(CHAT, models=MODELS[:1], gpu_device=0)
    assert list(start(world, "inference-chat", stack=alone).servers) == ["inference-chat"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "aisuite.measured/1"}', json.dumps({"schema": "other"})])
def test_a_damaged_file_counts_as_nothing_measured(text: str) -> None:
    world = make(FakeGpu())
    world.workdir.write({"measured.json": text})
    assert read_measured(world.workdir) == Measured()


def test_what_was_measured_is_read_as_it_was_written() -> None:
    world = make(FakeGpu(FakeCard()))
    result = start(world, "inference-chat", vram=plan("chat"))
    write_measured(world.workdir, result)
    assert read_measured(world.workdir) == result


def test_each_server_is_measured_on_its_own_card() -> None:
    gpu = FakeGpu(FakeCard("first"), FakeCard("second"))
    gpu.take_at(2, 1001, 1996, card=0)
    gpu.take_at(4, 1002, 2010, card=1)
    world = make(gpu)
    apart = make_stack(CHAT, replace(CODE, card=WantedCard("cdi", "nvidia.com/gpu=1")), models=MODELS, gpu_device=0)
    found = start(world, "inference-chat", "inference-code", stack=apart, vram=plan("chat", "code")).servers
    assert [found[name].measured for name in ("inference-chat", "inference-code")] == [1996 * MIB, 2010 * MIB]
    assert world.deps.calibration is not None
    learnt = {name: world.deps.calibration.find(name) for name in ("first", "second")}
    assert {name: one.bytes // MIB for name, one in learnt.items() if one} == {"first": 106, "second": 120}
