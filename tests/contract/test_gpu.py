"""What cards answer: made-up ones, and NVIDIA's driver library as it is really called."""

from __future__ import annotations

from collections.abc import Callable

import pynvml
import pytest

from aisuite.adapters.nvml import NvmlGpu
from aisuite.errors import GpuUnavailable
from aisuite.ports import Gpu, GpuDriver, GpuProcess
from tests.fakes import nvml_library
from tests.fakes.gpu import FakeCard, FakeGpu

Open = Callable[[FakeGpu], Gpu]


@pytest.fixture(params=["fake", "nvml"])
def open_gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Return the cards of a fake, as itself or through NVML."""

    def real(fake: FakeGpu) -> Gpu:
        nvml_library.install(fake, monkeypatch)
        return NvmlGpu()

    return real if request.param == "nvml" else lambda fake: fake


def test_a_card_says_what_it_has(open_gpu: Open) -> None:
    gpu = open_gpu(FakeGpu(FakeCard(reserved=216, programs={4242: 1946, 77: 10})))
    (card,) = gpu.devices()
    assert (card.index, card.name, card.total) == (0, "RTX 4050 Laptop", 6141)
    assert (card.used, card.reserved, card.free) == (1956, 216, 6141 - 1956 - 216)
    assert (card.multiprocessors, card.compute_capability) == (20, (8, 9))
    assert card.processes == (GpuProcess(77, 10 * 2**20), GpuProcess(4242, 1946 * 2**20))
    assert gpu.driver() == GpuDriver("570.86.16", "12.8")


def test_memory_may_be_neither_used_nor_free(open_gpu: Open) -> None:
    (card,) = open_gpu(FakeGpu(FakeCard(lost=216, programs={1: 5374}))).devices()
    assert card.free == 551
    assert card.used is not None
    assert card.total - card.used - card.free == 216


def test_wsl2_lists_processes_without_their_memory(open_gpu: Open) -> None:
    (card,) = open_gpu(FakeGpu(FakeCard(programs={1: 1946}), per_process=False)).devices()
    assert card.processes == (GpuProcess(1, None),)
    assert card.used == 1946


def test_an_old_driver_does_not_tell_what_it_reserves(open_gpu: Open) -> None:
    (card,) = open_gpu(FakeGpu(FakeCard(reserved=216, programs={1: 100}), reserved=False)).devices()
    assert (card.used, card.reserved, card.free) == (316, None, 6141 - 316)


def test_an_idle_card_has_no_processes(open_gpu: Open) -> None:
    (card,) = open_gpu(FakeGpu(FakeCard())).devices()
    assert (card.processes, card.used) == ((), 0)


def test_each_look_sees_the_card_as_it_is_now(open_gpu: Open) -> None:
    fake = FakeGpu(FakeCard())
    gpu = open_gpu(fake)
    before = gpu.devices()[0].free
    fake.take(4242, 1946)
    taken = before - gpu.devices()[0].free
    fake.take(4242, 0)
    assert (taken, gpu.devices()[0].free) == (1946, before)


def test_several_cards_are_counted_from_0(open_gpu: Open) -> None:
    gpu = open_gpu(FakeGpu(FakeCard("first"), FakeCard("second", total=24564)))
    assert [(card.index, card.name, int(card.total)) for card in gpu.devices()] == [
        (0, "first", 6141),
        (1, "second", 24564),
    ]


def test_without_a_driver_there_are_no_cards_and_a_reason(open_gpu: Open) -> None:
    gpu = open_gpu(FakeGpu())
    assert (gpu.devices(), gpu.driver(), gpu.elsewhere()) == ((), None, None)
    assert gpu.why_none()


def test_a_driver_that_fails_from_the_start_is_an_error_with_a_way_on(open_gpu: Open) -> None:
    fake = FakeGpu(FakeCard())
    fake.broken = "Unknown Error"
    gpu = open_gpu(fake)
    for ask in (gpu.devices, gpu.driver):
        with pytest.raises(GpuUnavailable, match="NVIDIA's driver does not answer: Unknown Error") as caught:
            ask()
        assert caught.value.hint is not None


def test_a_driver_that_vanishes_in_the_middle_is_an_error(open_gpu: Open) -> None:
    fake = FakeGpu(FakeCard())
    gpu = open_gpu(fake)
    assert gpu.devices()
    fake.breaks_after = 0
    with pytest.raises(GpuUnavailable, match="GPU is lost"):
        gpu.devices()


def test_a_driver_that_was_updated_under_a_running_kernel_asks_for_a_reboot(monkeypatch: pytest.MonkeyPatch) -> None:
    def mismatch(_flags: int) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)

    monkeypatch.setattr(pynvml, "nvmlInitWithFlags", mismatch)
    with pytest.raises(GpuUnavailable, match="was updated") as caught:
        NvmlGpu().devices()
    assert caught.value.hint == "sudo reboot"
