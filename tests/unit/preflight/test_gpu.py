"""Checks of the card."""

from __future__ import annotations

import pytest

from aisuite.preflight.model import Outcome
from aisuite.preflight.snapshot import Card, Docker, Gpu, Image
from tests.unit.preflight.snapshots import judged, snapshot

RTX = Gpu(cards=((0, "RTX 4050"),), driver="570.86.16", cuda="12.8", allocated="")


@pytest.mark.parametrize("check", [f"GPU-00{number}" for number in range(1, 7)])
def test_a_stack_on_the_cpu_asks_for_no_card(check: str) -> None:
    assert judged(check, snapshot()).outcome is Outcome.SKIP


def test_the_card_that_is_asked_for_must_be_here() -> None:
    assert judged("GPU-001", snapshot(gpu_device=0, gpu=RTX)).outcome is Outcome.PASS
    found = judged("GPU-001", snapshot(gpu_device=1, gpu=RTX))
    assert (found.outcome, found.judgement.measured) == (Outcome.FAIL, "card 1 is not here (0: RTX 4050)")
    none = judged("GPU-001", snapshot(gpu_device=0, gpu=Gpu(fault="no driver")))
    assert none.judgement.measured == "card 0 is not here (no driver)"


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
    broken = Gpu(cards=RTX.cards, allocated="cuInit: forward compatibility (804)")
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
