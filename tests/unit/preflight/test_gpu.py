"""Checks of the card."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aisuite.preflight.model import Outcome
from aisuite.preflight.snapshot import Card, Docker, Gpu, Image
from aisuite.stack.model import Card as NvidiaCard
from tests.fakes.stacks import make_service
from tests.unit.preflight.snapshots import judged, snapshot

if TYPE_CHECKING:
    from aisuite.stack.model import Service

RTX = Gpu(cards=((0, "RTX 4050"),), driver="570.86.16", cuda="12.8", allocated=((0, ""),))


@pytest.mark.parametrize("check", [f"GPU-00{number}" for number in range(1, 7)])
def test_a_stack_on_the_cpu_asks_for_no_card(check: str) -> None:
    assert judged(check, snapshot()).outcome is Outcome.SKIP


def test_the_card_that_is_asked_for_must_be_here() -> None:
    assert judged("GPU-001", snapshot(gpu_device=0, gpu=RTX)).outcome is Outcome.PASS
    found = judged("GPU-001", snapshot(gpu_device=1, gpu=RTX))
    assert (found.outcome, found.judgement.measured) == (Outcome.FAIL, "card 1 is not here (0: RTX 4050)")
    none = judged("GPU-001", snapshot(gpu_device=0, gpu=Gpu(fault="no driver")))
    assert none.judgement.measured == "card 0 is not here (no driver)"


def test_cards_of_another_machine_are_not_judged() -> None:
    away = Gpu(fault="Docker runs on box", elsewhere="box")
    found = judged("GPU-001", snapshot(gpu_device=0, gpu=away)).judgement
    assert (found.outcome, found.measured) == (Outcome.NOTE, "Docker runs on box")


def on_card(name: str, index: int) -> Service:
    return replace(make_service(name, 8000 + index), gpu=True, card=NvidiaCard("cdi", f"nvidia.com/gpu={index}"))


def test_every_card_that_a_service_uses_is_looked_at() -> None:
    services = (on_card("inference-chat", 0), on_card("inference-code", 1))
    both = Gpu(cards=((0, "RTX 4050"), (1, "H200")), driver="570", allocated=((0, ""), (1, "cuInit: no device (100)")))
    here = judged("GPU-001", snapshot(*services, gpu_device=0, gpu=both))
    assert here.judgement.measured == "card 0: RTX 4050, card 1: H200, driver 570"
    assert judged("GPU-001", snapshot(*services, gpu_device=0, gpu=RTX)).judgement.measured == (
        "card 1 is not here (0: RTX 4050)"
    )
    assert judged("GPU-001", snapshot(*services, gpu_device=0, gpu=Gpu(fault="no driver"))).judgement.measured == (
        "cards 0, 1 are not here (no driver)"
    )
    memory = judged("GPU-004", snapshot(*services, gpu_device=0, gpu=both))
    assert (memory.outcome, memory.judgement.measured) == (Outcome.FAIL, "card 1: cuInit: no device (100)")
    engine = Docker(cdi_devices=frozenset({"nvidia.com/gpu=0"}))
    cdi = judged("GPU-003", snapshot(*services, engine="docker", gpu_device=0, docker=engine))
    assert (cdi.outcome, "card 1" in cdi.judgement.measured) == (Outcome.FAIL, True)


@pytest.mark.parametrize(
    ("needed", "outcome"),
    [("12.4", Outcome.PASS), ("12.8", Outcome.PASS), ("13.0", Outcome.FAIL), (None, Outcome.NOTE)],
)
def test_the_driver_must_run_the_cuda_that_the_image_names(needed: str | None, outcome: Outcome) -> None:
    image = Image("llama:cuda", ("inference-chat",), built=False, present=True, cuda=needed)
    assert judged("GPU-002", snapshot(engine="docker", gpu_device=0, gpu=RTX, images=(image,))).outcome is outcome


def test_containers_need_a_runtime_or_cdi() -> None:
    cdi = frozenset({"nvidia.com/gpu=0", "vendor.com/net=0"})
    for docker, outcome in ((Docker(runtimes=frozenset({"nvidia", "runc"})), Outcome.PASS),
                            (Docker(cdi_devices=cdi), Outcome.PASS),
                            (Docker(runtimes=frozenset({"runc"})), Outcome.FAIL)):  # fmt: skip
        assert judged("GPU-003", snapshot(engine="docker", gpu_device=0, docker=docker)).outcome is outcome


def test_a_card_that_gives_no_memory_fails_with_the_drivers_words() -> None:
    broken = Gpu(cards=RTX.cards, allocated=((0, "cuInit: forward compatibility (804)"),))
    found = judged("GPU-004", snapshot(gpu_device=0, gpu=broken))
    assert (found.outcome, found.judgement.measured) == (Outcome.FAIL, "cuInit: forward compatibility (804)")
    assert judged("GPU-004", snapshot(gpu_device=0, gpu=RTX)).outcome is Outcome.PASS


def test_a_llama_server_for_the_cpu_fails_for_local_processes_only() -> None:
    gpu = Gpu(cards=RTX.cards, cpu_only="it is built for the CPU")
    assert judged("GPU-005", snapshot(gpu_device=0, gpu=gpu)).outcome is Outcome.FAIL
    assert judged("GPU-005", snapshot(gpu_device=0, gpu=RTX)).outcome is Outcome.PASS
    assert judged("GPU-005", snapshot(engine="docker", gpu_device=0, gpu=gpu)).outcome is Outcome.SKIP


@pytest.mark.parametrize(
    ("verdict", "outcome"), [("fits", Outcome.PASS), ("tight", Outcome.WARN), ("no", Outcome.FAIL), ("", Outcome.SKIP)]
)
def test_the_planners_verdict_is_the_checks(verdict: str, outcome: Outcome) -> None:
    card = Card(verdict, "5520 of 5527 MiB", ("too big",), "code.layers=20")
    assert judged("GPU-006", snapshot(gpu_device=0, card=card)).outcome is outcome


def test_a_plan_that_cannot_be_made_fails_with_its_own_fix() -> None:
    found = judged(
        "GPU-006", snapshot(gpu_device=0, card=Card(fault="no budget", fix="aisuite plan --gpu-memory 8GiB"))
    )
    assert found.outcome is Outcome.FAIL
    assert found.judgement.fix == "aisuite plan --gpu-memory 8GiB"
