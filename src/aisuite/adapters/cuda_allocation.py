"""Take 64 MiB of a card through NVIDIA's driver library, and give them back: `python cuda_allocation.py 0`.

A program of its own, which needs nothing but the standard library. It prints what failed.
"""

from __future__ import annotations

import ctypes
import sys

_LIBRARIES = ("libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1")
_SIZE = 64 * 2**20


def allocate(index: int) -> str:
    """Return what failed, "" when nothing did."""
    cuda = _load()
    if cuda is None:
        return "libcuda.so.1, NVIDIA's driver library, is not there"
    device, context, memory = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
    steps = (
        ("cuInit", 0),
        ("cuDeviceGet", ctypes.byref(device), index),
        ("cuDevicePrimaryCtxRetain", ctypes.byref(context), device),
        ("cuCtxSetCurrent", context),
        ("cuMemAlloc_v2", ctypes.byref(memory), ctypes.c_size_t(_SIZE)),
        ("cuMemFree_v2", memory),
    )
    for name, *arguments in steps:
        if (code := getattr(cuda, name)(*arguments)) != 0:
            return f"{name}: {_explain(cuda, code)}"
    return ""


def _load() -> ctypes.CDLL | None:
    for name in _LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def _explain(cuda: ctypes.CDLL, code: int) -> str:
    text = ctypes.c_char_p()
    cuda.cuGetErrorString(code, ctypes.byref(text))
    return (text.value or b"unknown error").decode() + f" ({code})"


if __name__ == "__main__":
    fault = allocate(int(sys.argv[1]))
    sys.stdout.write(fault)
    sys.exit(1 if fault else 0)
