"""`aisuite gpu`: what a person, a program and Prometheus see of the cards."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aisuite.cli import wiring
from aisuite.cli.app import run
from aisuite.ops.measured_file import Measured, ServerReport, write_measured
from aisuite.ports import Deps
from tests.fakes.clock import FakeClock
from tests.fakes.gpu import FakeCard, FakeGpu
from tests.fakes.stacks import make_service, make_stack
from tests.unit.ops.deps import World, make_world

MIB = 2**20
PARTS = {"model": 1834 * MIB, "kv": 36 * MIB, "compute": 20 * MIB}
CHAT = ServerReport(
    service="inference-chat",
    planned=1989 * MIB,
    planned_parts=PARTS,
    allocated=PARTS,
    measured=1996 * MIB,
    holds="within tolerance",
    why="+7 MiB against the plan",
    build="b11669",
)
CODE = ServerReport(
    service="inference-code",
    planned=3165 * MIB,
    planned_parts=None,
    allocated=None,
    measured=None,
    holds="not measurable",
    why="no card was looked at",
    differences=("slots: 1 asked for, 4 in force",),
)


def on_card(monkeypatch: pytest.MonkeyPatch, gpu: FakeGpu) -> World:
    """Let the command find a project whose two servers use this card; the chat server is process 1001."""
    world = make_world()
    world.engine.open(make_stack())
    world.engine.start(make_service("inference-chat", 8001), {})
    write_measured(world.workdir, Measured({one.service: one for one in (CHAT, CODE)}))
    deps = replace(world.deps, gpu=gpu)

    def open_project(*_: Any) -> Deps:
        return deps

    monkeypatch.setattr(wiring, "open_project", open_project)
    return replace(world, deps=deps)


def test_a_person_sees_the_memory_the_processes_and_the_servers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_card(monkeypatch, FakeGpu(FakeCard(lost=216, programs={1001: 1996, 77: 100})))
    assert run(["gpu"]) == 0
    said = capsys.readouterr().out
    for line in (
        "driver 570.86.16, CUDA 12.8",
        "card 0: RTX 4050 Laptop, 20 multiprocessors",
        "  [###############.........................] 3829 of 6141 MiB are free",
        "  used 2096 MiB, reserved by the driver 0 MiB, neither used nor free 216 MiB",
        "  77    -               100",
        "  1001  inference-chat  1996",
        "inference-chat  1989 MiB  1890 MiB   1996 MiB  within tolerance: +7 MiB against the plan",
        "inference-code  3165 MiB  -          -         not measurable: no card was looked at",
        "DRIFT: inference-code: slots: 1 asked for, 4 in force",
    ):
        assert line in said.splitlines()


def test_where_the_driver_does_not_tell_what_a_process_uses_nothing_is_made_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_card(monkeypatch, FakeGpu(FakeCard(programs={1001: 1996}), per_process=False))
    assert run(["gpu"]) == 0
    assert "  1001  inference-chat  not told by the driver" in capsys.readouterr().out
    assert run(["gpu", "--json"]) == 0
    (card,) = json.loads(capsys.readouterr().out)["cards"]
    assert card["processes"] == [{"pid": 1001, "service": "inference-chat", "used_mib": None}]


def test_a_program_gets_every_figure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    on_card(monkeypatch, FakeGpu(FakeCard(programs={1001: 1996})))
    assert run(["gpu", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["driver"], found["cuda"]) == ("aisuite.gpu/1", "570.86.16", "12.8")
    assert (found["cards"][0]["free_mib"], found["cards"][0]["compute_capability"]) == (4145, "8.9")
    chat, code = found["servers"]
    assert (chat["measured_mib"], chat["verdict"], chat["build"]) == (1996.0, "within tolerance", "b11669")
    assert chat["allocated_mib"] == {"model": 1834.0, "kv": 36.0, "compute": 20.0}
    assert code["differences"] == ["slots: 1 asked for, 4 in force"]


def test_prometheus_reads_the_figures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    on_card(monkeypatch, FakeGpu(FakeCard('a "quoted" \\ card', programs={1001: 1996})))
    assert run(["gpu", "--metrics"]) == 0
    families = {one.name: one for one in text_string_to_metric_families(capsys.readouterr().out)}
    (free,) = families["aisuite_gpu_memory_free_bytes"].samples
    assert (free.labels, free.value) == ({"card": "0", "name": 'a "quoted" \\ card'}, 4145 * MIB)
    (process,) = families["aisuite_gpu_process_memory_bytes"].samples
    assert (process.labels["service"], process.value) == ("inference-chat", 1996 * MIB)
    drift = {one.labels["service"]: one.value for one in families["aisuite_gpu_server_drift"].samples}
    assert drift == {"inference-chat": 0, "inference-code": 1}
    assert len(families["aisuite_gpu_server_allocated_bytes"].samples) == 3
    assert [one.value for one in families["aisuite_gpu_server_over_plan"].samples] == [0]


def test_watching_shows_the_card_again_and_ctrl_c_ends_it_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class ImpatientClock(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            gpu.take(77, 1000)
            if self.slept > 2:
                raise KeyboardInterrupt

    gpu = FakeGpu(FakeCard())
    world = on_card(monkeypatch, gpu)
    deps = replace(world.deps, clock=ImpatientClock())
    monkeypatch.setattr(wiring, "open_project", lambda *_: deps)
    assert run(["gpu", "--watch"]) == 0
    said = capsys.readouterr().out
    assert ("6141 of 6141 MiB" in said, "5141 of 6141 MiB" in said) == (True, True)


def test_without_a_card_the_reason_and_a_way_on_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_card(monkeypatch, FakeGpu(absent="AMD cards are not measurable here"))
    assert run(["gpu"]) == 3
    said = capsys.readouterr().err
    assert "error: AMD cards are not measurable here" in said
    assert "hint:" in said


@pytest.mark.parametrize("flags", [["--json", "--watch"], ["--json", "--metrics"], ["--watch", "--metrics"]])
def test_only_one_form_can_be_meant(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gpu", *flags]) == 2
    said = capsys.readouterr()
    assert "only one can be meant" in said.out + said.err
