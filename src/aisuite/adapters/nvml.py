"""NVML: which NVIDIA cards are here, and how much of their memory is free."""

from __future__ import annotations

import platform
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisuite.errors import GpuUnavailable
from aisuite.ports import GpuDevice, GpuDriver, GpuProcess
from aisuite.units import Mib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PCI_DEVICES = Path("/sys/class/drm")
_VENDORS = {"0x1002": "AMD"}
_NOT_MEASURABLE = "{} cards are not measurable here: this version reads NVIDIA's driver only"
# CUDA cores of one multiprocessor, by compute capability (CUDA C++ Programming Guide, "Arithmetic Instructions").
_CORES_OF_GENERATION = {3: 192, 5: 128, 7: 64, 9: 128, 10: 128, 11: 128, 12: 128}
_CORES = {(6, 0): 64, (6, 1): 128, (6, 2): 128, (8, 0): 64, (8, 6): 128, (8, 7): 128, (8, 9): 128}


class NvmlGpu:
    """The cards that NVIDIA's driver reports."""

    def devices(self) -> tuple[GpuDevice, ...]:
        """Return all cards; empty when there is no driver. Raises GpuUnavailable when it fails."""
        import pynvml

        with _session() as opened:
            return tuple(_device(index) for index in range(pynvml.nvmlDeviceGetCount())) if opened else ()

    def driver(self) -> GpuDriver | None:
        """Return the driver, or None when there is none. Raises GpuUnavailable when it fails."""
        import pynvml

        with _session() as opened:
            if not opened:
                return None
            cuda = _if_said(pynvml.nvmlSystemGetCudaDriverVersion_v2)
            major, minor = divmod((cuda or 0) // 10, 100)
            return GpuDriver(str(pynvml.nvmlSystemGetDriverVersion()), f"{major}.{minor}" if cuda else None)

    def why_none(self) -> str:
        """Say in words why there are no cards."""
        if platform.system() == "Darwin":
            return _NOT_MEASURABLE.format("Apple's")
        vendors = {_VENDORS.get(_text(file)) for file in sorted(_PCI_DEVICES.glob("card*/device/vendor"))}
        known = [vendor for vendor in vendors if vendor]
        return _NOT_MEASURABLE.format(known[0]) if known else "no driver of NVIDIA is loaded here"

    def elsewhere(self) -> str | None:
        """Return None: they are here."""
        return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


@contextmanager
def _session() -> Iterator[bool]:
    """Open NVML for a moment; false when there is no driver."""
    import pynvml

    absent = {pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED}
    try:
        pynvml.nvmlInitWithFlags(pynvml.NVML_INIT_FLAG_NO_GPUS)
    except pynvml.NVMLError as err:
        if err.value not in absent:
            raise _unavailable(err) from err
        yield False
        return
    try:
        yield True
    except pynvml.NVMLError as err:
        raise _unavailable(err) from err
    finally:
        with suppress(pynvml.NVMLError):  # a driver that is gone cannot be closed
            pynvml.nvmlShutdown()


def _unavailable(err: Any) -> GpuUnavailable:
    import pynvml

    if err.value == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return GpuUnavailable("NVIDIA's driver was updated, and the old one still runs", "sudo reboot")
    return GpuUnavailable(f"NVIDIA's driver does not answer: {err}", "nvidia-smi   # says what is wrong with it")


def _device(index: int) -> GpuDevice:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = _if_said(pynvml.nvmlDeviceGetMemoryInfo, handle, pynvml.nvmlMemory_v2)
    reserved = Mib(memory.reserved // 2**20) if memory is not None else None
    if memory is None:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    capability = _if_said(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
    return GpuDevice(
        index=index,
        name=str(pynvml.nvmlDeviceGetName(handle)),
        total=Mib(memory.total // 2**20),
        free=Mib(memory.free // 2**20),
        used=Mib(memory.used // 2**20),
        reserved=reserved,
        multiprocessors=_multiprocessors(_if_said(pynvml.nvmlDeviceGetNumGpuCores, handle), capability),
        compute_capability=capability,
        processes=_processes(handle),
    )


def _multiprocessors(cores: int | None, capability: tuple[int, int] | None) -> int | None:
    """NVML counts CUDA cores only."""
    if cores is None or capability is None:
        return None
    each = _CORES.get(capability) or _CORES_OF_GENERATION.get(capability[0])
    return cores // each if each else None


def _processes(handle: Any) -> tuple[GpuProcess, ...] | None:
    import pynvml

    found = _if_said(pynvml.nvmlDeviceGetComputeRunningProcesses_v3, handle)
    if found is None:
        found = _if_said(pynvml.nvmlDeviceGetComputeRunningProcesses_v2, handle)
    if found is None:
        return None
    return tuple(GpuProcess(int(one.pid), one.usedGpuMemory) for one in sorted(found, key=lambda one: one.pid))


def _if_said(question: Callable[..., Any], *given: Any) -> Any:
    """Ask NVML what an old driver, or one inside WSL2, need not know; None when it does not."""
    import pynvml

    unknown = {
        pynvml.NVML_ERROR_NOT_SUPPORTED,
        pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
        pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
        pynvml.NVML_ERROR_NO_PERMISSION,
    }
    try:
        return question(*given)
    except pynvml.NVMLError as err:
        if err.value in unknown:
            return None
        raise
