"""`up` on fakes: what is started, what is undone, what is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aisuite.adapters.cards_elsewhere import CardsElsewhere
from aisuite.errors import (
    DiskFull,
    EngineUnavailable,
    GpuUnavailable,
    ModelMissing,
    NotReady,
    PortTaken,
    ProjectLocked,
    StepFailed,
)
from aisuite.ops.carry_out import Event
from aisuite.ops.status import status
from aisuite.ops.up import UpRequest, up
from aisuite.stack.model import Card, ModelFile
from tests.fakes.engine import Program
from tests.fakes.gpu import FakeCard, FakeGpu
from tests.fakes.host import FakeHost
from tests.fakes.stacks import make_service, make_stack, out_of_order, phase2_stack
from tests.unit.ops.deps import FakePreparer, make_world

STACK = phase2_stack()


def _model(path: Path) -> ModelFile:
    return ModelFile("chat", "inference-chat", path, "owner/repo", path.name, "main", None, None)


def test_a_fresh_up_starts_everything_and_tells_how_long_each_took() -> None:
    world = make_world({"api-gateway": Program(ready_after=20)})
    report = up(UpRequest(STACK), world.deps)
    assert report.exit_code == 0
    assert {one.name: one.health for one in report.services} == {one.name: "healthy" for one in STACK.services}
    assert next(one for one in report.services if one.name == "api-gateway").seconds_to_healthy >= 1
    assert [call for call in world.engine.calls if call.startswith("stop")] == []


def test_a_service_starts_only_after_what_it_depends_on_is_ready() -> None:
    world = make_world({"inference-chat": Program(ready_after=5), "api-gateway": Program(ready_after=5)})
    up(UpRequest(STACK), world.deps)
    order = [call.removeprefix("start ") for call in world.engine.calls if call.startswith("start")]
    assert sorted(order) == sorted(service.name for service in STACK.services)
    assert out_of_order(order, STACK) == []


def test_a_second_up_does_nothing() -> None:
    world = make_world()
    up(UpRequest(STACK), world.deps)
    calls, files = list(world.engine.calls), dict(world.workdir.files)
    report = up(UpRequest(STACK), world.deps)
    assert not report.plan
    assert report.exit_code == 0
    assert world.engine.calls == calls
    assert world.workdir.files == files


def test_a_dry_run_changes_nothing_and_takes_no_lock() -> None:
    world = make_world()
    world.workdir.holder = "up"
    report = up(UpRequest(STACK, dry_run=True), world.deps)
    assert len(report.plan.steps) == 6
    assert world.engine.calls == []
    assert world.workdir.files == {}


def test_a_required_service_that_dies_takes_the_whole_run_back() -> None:
    world = make_world({"qdrant": Program(dies=1, says=("OSError: No space left on device",))})
    with pytest.raises(NotReady) as caught:
        up(UpRequest(STACK), world.deps)
    assert caught.value.service == "qdrant"
    assert caught.value.cause == "the disk is full"
    assert caught.value.evidence == "OSError: No space left on device"
    assert caught.value.hint
    assert world.engine.observe().services == ()
    assert not world.engine.observe().engine_up
    assert status(world.deps).record is None


def test_keep_leaves_running_what_has_started() -> None:
    world = make_world({"qdrant": Program(dies=1)})
    with pytest.raises(NotReady):
        up(UpRequest(STACK, keep=True), world.deps)
    assert world.engine.observe().find("qdrant")
    assert world.engine.observe().engine_up
    assert status(world.deps).record is not None


def test_a_service_that_never_becomes_ready_fails_at_its_own_deadline() -> None:
    world = make_world({"embedding": Program(never_ready=True)})
    with pytest.raises(NotReady, match="embedding: not ready after 5s; it says: HTTP 503: loading"):
        up(UpRequest(STACK), world.deps)


def test_one_dead_model_server_is_a_degraded_suite() -> None:
    world = make_world({"inference-code": Program(dies=1, says=("gguf_init: invalid magic",))})
    report = up(UpRequest(STACK), world.deps)
    assert report.degraded
    assert report.exit_code == 5
    assert [err.message for err in report.failures] == [
        "inference-code: its model file cannot be loaded\n  its log says: gguf_init: invalid magic"
    ]
    health = {one.name: one.health for one in report.services}
    assert health.pop("inference-code") == "-"
    assert set(health.values()) == {"healthy"}
    assert "stop inference-code" in world.engine.calls  # no crash loop is left behind


def test_without_any_model_server_nothing_stays() -> None:
    world = make_world({"inference-code": Program(dies=1), "inference-chat": Program(refuses="no such file")})
    with pytest.raises(StepFailed) as caught:
        up(UpRequest(STACK), world.deps)
    assert "inference-chat" in caught.value.message
    assert "inference-code" in caught.value.message
    assert "start api-gateway" not in world.engine.calls
    assert world.engine.observe().services == ()


def test_a_route_whose_only_server_is_dead_is_no_degraded_suite() -> None:
    routes = (replace(STACK.routes[0], targets=STACK.routes[0].targets[1:]), STACK.routes[1])
    world = make_world({"inference-code": Program(dies=1)})
    with pytest.raises(NotReady):
        up(UpRequest(replace(STACK, routes=routes)), world.deps)


def test_a_failing_second_up_keeps_what_ran_before() -> None:
    small = make_stack(*STACK.services[:5])
    world = make_world({"rag": Program(dies=1)})
    up(UpRequest(small), world.deps)
    with pytest.raises(NotReady):
        up(UpRequest(STACK), world.deps)
    assert {one.name for one in world.engine.observe().services} == {one.name for one in small.services}
    record = status(world.deps).record
    assert record is not None
    assert len(record.services) == 5


def test_missing_models_are_named_before_anything_happens(tmp_path: Path) -> None:
    world = make_world()
    stack = replace(STACK, models=(_model(tmp_path / "chat.gguf"),))
    with pytest.raises(ModelMissing) as caught:
        up(UpRequest(stack, loaded_as="--phase 2"), world.deps)
    assert str(tmp_path / "chat.gguf") in caught.value.message
    assert "aisuite models pull --phase 2" in str(caught.value.hint)
    assert "--demo" in str(caught.value.hint)
    assert world.engine.calls == []


def test_a_folder_in_the_place_of_a_model_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "chat.gguf").mkdir()
    with pytest.raises(ModelMissing, match="a folder stands there"):
        up(UpRequest(replace(STACK, models=(_model(tmp_path / "chat.gguf"),))), make_world().deps)


def test_a_profile_for_a_card_never_runs_on_the_cpu_in_silence() -> None:
    world = make_world()
    with pytest.raises(GpuUnavailable, match="cards here: none"):
        up(UpRequest(replace(STACK, gpu_device=0)), world.deps)
    card = replace(world.deps, gpu=FakeGpu(FakeCard("RTX 4050")))
    with pytest.raises(GpuUnavailable, match="built for the CPU"):
        up(UpRequest(replace(STACK, gpu_device=0), cpu_only="the wheel is built for the CPU"), card)
    assert up(UpRequest(replace(STACK, gpu_device=0)), card).exit_code == 0


def test_of_cards_of_another_machine_its_engine_tells() -> None:
    world = make_world()
    deps = replace(world.deps, gpu=CardsElsewhere("box"))
    assert up(UpRequest(replace(STACK, gpu_device=0)), deps).exit_code == 0


def test_the_card_of_every_model_must_be_here() -> None:
    world = make_world()
    away = replace(make_service("inference-chat", 8001), gpu=True, card=Card("nvidia", "1"))
    card = replace(world.deps, gpu=FakeGpu(FakeCard("RTX 4050")))
    with pytest.raises(GpuUnavailable, match="asks for card 1; cards here: 0: RTX 4050"):
        up(UpRequest(make_stack(away, gpu_device=0)), card)


def test_every_taken_port_is_named_and_nothing_starts() -> None:
    world = make_world()
    world.host.taken |= {8000: "nginx, pid 7", 6333: "another process"}
    with pytest.raises(PortTaken) as caught:
        up(UpRequest(STACK), world.deps)
    assert "port 8000 for api-gateway is held by nginx, pid 7" in caught.value.message
    assert "port 6333 for qdrant is held by another process" in caught.value.message
    assert world.engine.calls == []
    assert world.workdir.files == {}


def test_a_full_disk_is_found_before_anything_starts() -> None:
    world = make_world()
    deps = replace(world.deps, host=FakeHost(free=10 * 2**20))
    with pytest.raises(DiskFull, match="10 MiB are free"):
        up(UpRequest(STACK), deps)
    assert world.engine.calls == []
    assert world.workdir.files == {}


def test_our_own_ports_are_no_conflict() -> None:
    world = make_world()
    up(UpRequest(STACK), world.deps)
    world.host.taken = {int(one.published.port): "aisuite" for one in STACK.services}
    changed = replace(STACK.services[0], command=("inference-chat", "-c", "2048"))
    report = up(UpRequest(replace(STACK, services=(changed, *STACK.services[1:]))), world.deps)
    assert [str(step.verb) for step in report.plan.steps] == ["recreate"]


def test_a_locked_project_is_refused_at_once() -> None:
    world = make_world()
    world.workdir.holder = "up"
    with pytest.raises(ProjectLocked):
        up(UpRequest(STACK), world.deps)
    assert world.engine.calls == []


def test_preparations_run_once_and_tell_their_progress() -> None:
    told: list[Event] = []
    preparer = FakePreparer()
    world = make_world(preparers={"gateway-environment": preparer})
    first = up(UpRequest(STACK), world.deps, told.append)
    assert "prepare gateway-environment" in {step.id for step in first.plan.steps}
    assert "making 1/2" in {event.detail for event in told}
    assert not up(UpRequest(STACK), world.deps).plan
    assert preparer.ran == ["ran"]


def test_a_failed_preparation_ends_the_run_with_its_own_error() -> None:
    world = make_world(preparers={"gateway-environment": FakePreparer(fails=DiskFull("no space", "df -h"))})
    with pytest.raises(DiskFull):
        up(UpRequest(STACK), world.deps)
    assert world.engine.observe().services == ()


def test_an_engine_that_does_not_open_is_one_error_and_nothing_starts() -> None:
    world = make_world()
    world.engine.unavailable = "supervisord did not start"
    with pytest.raises(EngineUnavailable, match="supervisord did not start"):
        up(UpRequest(STACK), world.deps)
    assert not [call for call in world.engine.calls if call.startswith("start")]
    assert status(world.deps).record is None


def test_ctrl_c_takes_back_what_was_started_and_goes_on_as_an_interrupt() -> None:
    world = make_world()
    interrupted = _InterruptedEngine(world.engine.programs)
    deps = replace(world.deps, engine=interrupted)
    with pytest.raises(KeyboardInterrupt):
        up(UpRequest(STACK), deps)
    assert interrupted.observe().services == ()


class _InterruptedEngine(type(make_world().engine)):  # type: ignore[misc]
    """An engine that is opened while the user presses Ctrl-C."""

    def open(self, stack: object) -> None:
        raise KeyboardInterrupt


def test_when_the_engine_goes_away_in_the_middle_the_record_stays_so_that_down_can_stop_what_is_left() -> None:
    world = make_world()
    deps = replace(world.deps, engine=_DyingEngine(world.engine.programs))
    with pytest.raises(EngineUnavailable, match="what was started could not be stopped again") as raised:
        up(UpRequest(STACK), deps)
    assert "aisuite down" in str(raised.value.hint)
    assert status(deps).record is not None


class _DyingEngine(type(make_world().engine)):  # type: ignore[misc]
    """An engine that goes away as soon as it shall start something."""

    def start(self, service: object, fingerprint: object) -> None:
        raise EngineUnavailable("nobody answers")

    def close(self) -> None:
        raise EngineUnavailable("nobody answers")


def test_a_port_that_the_engine_knows_better_is_told_in_its_words() -> None:
    world = make_world()
    world.engine.world.port_holders[8000] = "the container other"
    with pytest.raises(PortTaken, match="port 8000 for api-gateway is held by the container other"):
        up(UpRequest(STACK), world.deps)


def test_files_that_differ_while_nothing_else_does_are_named_and_written_again() -> None:
    world = make_world()
    assert up(UpRequest(STACK), world.deps).rewritten == ()
    (name,) = [one for one in world.workdir.files if one == "process.txt"]
    world.workdir.files[name] = "edited"
    report = up(UpRequest(STACK), world.deps)
    assert (report.rewritten, str(report.plan)) == ((name,), "nothing to do")


def test_the_engine_reads_anew_what_was_written_while_nothing_else_differs() -> None:
    world = make_world()
    up(UpRequest(STACK), world.deps)
    (name,) = [one for one in world.workdir.files if one == "process.txt"]
    opened = world.engine.calls.count("open")
    up(UpRequest(STACK), world.deps)
    assert world.engine.calls.count("open") == opened
    world.workdir.files[name] = "edited"
    up(UpRequest(STACK), world.deps)
    assert world.engine.calls.count("open") == opened + 1


def test_a_running_project_does_not_change_its_engine() -> None:
    world = make_world()
    up(UpRequest(STACK), world.deps)
    calls = list(world.engine.calls)
    with pytest.raises(StepFailed, match="runs on the engine process"):
        up(UpRequest(replace(STACK, engine="docker")), world.deps)
    assert world.engine.calls == calls


def test_a_service_that_left_the_profile_is_stopped() -> None:
    world = make_world()
    up(UpRequest(STACK), world.deps)
    report = up(UpRequest(make_stack(make_service("inference-chat", 8001))), world.deps)
    assert {one.name for one in world.engine.observe().services} == {"inference-chat"}
    assert report.exit_code == 0


def test_all_stacks_of_a_profile_are_rendered_and_one_is_started() -> None:
    world = make_world()
    up(UpRequest(STACK, also_render=(replace(STACK, engine="docker"),)), world.deps)
    assert {"docker.txt", "process.txt"} <= set(world.workdir.files)
