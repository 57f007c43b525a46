"""NVML: which NVIDIA cards are here, and how much of their memory is free."""

from __future__ import annotations

from aisuite.ports import GpuDevice
from aisuite.units import Mib


class NvmlGpu:
    """The cards that NVIDIA's driver reports."""

    def devices(self) -> tuple[GpuDevice, ...]:
        """Return all cards; empty when there is no driver."""
        import pynvml

        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:  # no driver, or none for this kernel: no card that we could use
            return ()
        try:
            return tuple(_device(index) for index in range(pynvml.nvmlDeviceGetCount()))
        finally:
            pynvml.nvmlShutdown()


def _device(index: int) -> GpuDevice:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return GpuDevice(
        index, str(pynvml.nvmlDeviceGetName(handle)), Mib(memory.total // 2**20), Mib(memory.free // 2**20)
    )
