"""What a llama-server allocates on the card and in RAM, computed as llama.cpp plans it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from aisuite.vram.compute import ComputeBuffers
from aisuite.vram.decoder import Task
from aisuite.vram.graph import DEVICE, HOST
from aisuite.vram.kv import context_of, layer_kv_bytes
from aisuite.vram.model import Memory, Parts
from aisuite.vram.weights import Split, Weights, split_of

if TYPE_CHECKING:
    from aisuite.vram.model import ModelShape, ServerFlags
    from aisuite.vram.rules import Rules

_NUMBER_BYTES = 4  # logits and embeddings are f32


def estimate(shape: ModelShape, flags: ServerFlags, rules: Rules) -> Memory:
    """Return what a server allocates. Asked for other -ngl of the same server, it answers from what it knows."""
    server = _server(_Same(shape), replace(flags, gpu_layers=0), rules)
    return server.memory(split_of(shape, flags.gpu_layers, rules))


def device_floor(shape: ModelShape, flags: ServerFlags, rules: Rules) -> int:
    """Return what a server allocates on the card at least: its estimate without the compute buffer."""
    server = _server(_Same(shape), replace(flags, gpu_layers=0), rules)
    return server.device_floor(split_of(shape, flags.gpu_layers, rules))


class _Same:
    """A shape by identity: it holds hundreds of tensors, and hashing them would cost more than an estimate."""

    __slots__ = ("shape",)

    def __init__(self, shape: ModelShape) -> None:
        self.shape = shape

    def __hash__(self) -> int:
        return id(self.shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.shape is self.shape


@lru_cache(maxsize=16)
def _weights(same: _Same) -> Weights:
    return Weights(same.shape)


@lru_cache(maxsize=256)
def _server(same: _Same, flags: ServerFlags, rules: Rules) -> _Server:
    task = Task(same.shape, flags, context_of(same.shape, flags, rules), rules, _weights(same))
    return _Server(task)


class _Server:
    """One server with all its flags but -ngl."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._device_kv = self._running_kv(DEVICE)
        self._host_kv = self._running_kv(HOST)
        self._compute = ComputeBuffers(task)
        row = task.shape.vocabulary + (task.shape.embedding if task.flags.embedding else 0)
        self._output = _NUMBER_BYTES * row * max(task.flags.parallel, 1)

    def _running_kv(self, home: int) -> list[int]:
        task = self._task
        sizes = (layer_kv_bytes(task.shape, task.flags, task.context, one, home) for one in range(task.shape.layers))
        return [0, *accumulate(sizes)]

    def memory(self, split: Split) -> Memory:
        """Return what it allocates when its layers are split so."""
        weights, first = self._task.weights, self._first_kv(split)
        device_compute, host_compute = self._compute.of(split)
        return Memory(
            device=Parts(weights.device_bytes(split), self._device_kv[-1] - self._device_kv[first], device_compute),
            host=Parts(weights.host_bytes(split), self._host_kv[first], host_compute, self._output),
        )

    def device_floor(self, split: Split) -> int:
        """Return what it allocates on the card beside the compute buffer."""
        return self._task.weights.device_bytes(split) + self._device_kv[-1] - self._device_kv[self._first_kv(split)]

    def _first_kv(self, split: Split) -> int:
        return split.first if self._task.flags.kv_offload else self._task.shape.layers
