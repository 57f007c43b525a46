"""A driver's library, as ctypes calls it: C functions that answer for the cards of a FakeGpu."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pynvml

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.fakes.gpu import FakeCard, FakeGpu

_CORES = {(8, 9): 128}
_NO_MEMORY_FIGURE = 2**64 - 1
_POINTER, _UINT = ctypes.c_void_p, ctypes.c_uint


def install(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pynvml find this library instead of the machine's own; no cards: there is none to be found."""
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    if gpu.cards:
        monkeypatch.setattr(pynvml, "nvmlLib", NvmlLibrary(gpu).functions())
    else:
        monkeypatch.setattr(pynvml, "nvmlLib", None)
        monkeypatch.setattr(pynvml, "CDLL", _no_library)


def _no_library(_name: str) -> None:
    raise OSError("no such library")


class NvmlLibrary:
    """The functions of libnvidia-ml; `used` of the first version counts what is reserved, too."""

    def __init__(self, gpu: FakeGpu) -> None:
        self._gpu = gpu

    def functions(self) -> SimpleNamespace:
        """Return callable C functions by their names; a missing one is what an old driver does not have."""
        found = {
            "nvmlInitWithFlags": _c(self._init, _UINT),
            "nvmlShutdown": _c(lambda: 0),
            "nvmlDeviceGetCount_v2": _c(lambda out: _write(out, _UINT, len(self._gpu.cards)), _POINTER),
            "nvmlSystemGetDriverVersion": _c(lambda out, size: _text(out, "570.86.16", size), _POINTER, _UINT),
            "nvmlSystemGetCudaDriverVersion_v2": _c(lambda out: _write(out, _UINT, 12080), _POINTER),
            "nvmlDeviceGetHandleByIndex_v2": _c(self._handle, _UINT, _POINTER),
            "nvmlDeviceGetName": _c(
                lambda card, out, size: _text(out, self._card(card).name, size), *[_POINTER] * 2 + [_UINT]
            ),
            "nvmlDeviceGetMemoryInfo": _c(self._memory, _POINTER, _POINTER),
            "nvmlDeviceGetNumGpuCores": _c(self._cores, _POINTER, _POINTER),
            "nvmlDeviceGetCudaComputeCapability": _c(self._capability, _POINTER, _POINTER, _POINTER),
            "nvmlDeviceGetComputeRunningProcesses_v3": _c(self._processes, _POINTER, _POINTER, _POINTER),
        }
        if self._gpu.knows_reserved:
            found["nvmlDeviceGetMemoryInfo_v2"] = _c(self._memory_v2, _POINTER, _POINTER)
        return SimpleNamespace(**found)

    def _card(self, handle: int) -> FakeCard:
        return self._gpu.cards[handle - 1]

    def _init(self, _flags: int) -> int:
        return int(pynvml.NVML_ERROR_UNKNOWN) if self._gpu.broken else 0

    def _handle(self, index: int, out: int) -> int:
        if self._gpu.breaks_after == 0:
            return int(pynvml.NVML_ERROR_GPU_IS_LOST)
        return _write(out, _POINTER, index + 1)

    def _memory(self, handle: int, out: int) -> int:
        card = self._card(handle)
        info = pynvml.c_nvmlMemory_t.from_address(out)
        info.total, info.free, info.used = (mib * 2**20 for mib in (card.total, card.free, card.used + card.reserved))
        return 0

    def _memory_v2(self, handle: int, out: int) -> int:
        card = self._card(handle)
        info = pynvml.c_nvmlMemory_v2_t.from_address(out)
        if info.version != pynvml.nvmlMemory_v2:
            return int(pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH)
        sizes = (card.total, card.free, card.used, card.reserved)
        info.total, info.free, info.used, info.reserved = (mib * 2**20 for mib in sizes)
        return 0

    def _cores(self, handle: int, out: int) -> int:
        card = self._card(handle)
        return _write(out, _UINT, card.multiprocessors * _CORES[card.compute_capability])

    def _capability(self, handle: int, major: int, minor: int) -> int:
        for out, number in zip((major, minor), self._card(handle).compute_capability, strict=True):
            _write(out, ctypes.c_int, number)
        return 0

    def _processes(self, handle: int, count: int, out: int | None) -> int:
        programs = list(self._card(handle).programs.items())
        room = _UINT.from_address(count).value
        _write(count, _UINT, len(programs))
        if len(programs) > room:
            return int(pynvml.NVML_ERROR_INSUFFICIENT_SIZE)
        for place, (pid, mib) in enumerate(programs):
            size = ctypes.sizeof(pynvml.c_nvmlProcessInfo_v3_t)
            info = pynvml.c_nvmlProcessInfo_v3_t.from_address((out or 0) + place * size)
            info.pid, info.usedGpuMemory = pid, mib * 2**20 if self._gpu.per_process else _NO_MEMORY_FIGURE
        return 0


def _c(function: Callable[..., int], *types: Any) -> Any:
    return ctypes.CFUNCTYPE(ctypes.c_int, *types)(function)


def _write(address: int, kind: Any, value: Any) -> int:
    kind.from_address(address).value = value
    return 0


def _text(address: int, text: str, size: int) -> int:
    ctypes.memmove(address, text.encode() + b"\0", min(size, len(text) + 1))
    return 0
