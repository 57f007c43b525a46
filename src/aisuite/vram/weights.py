"""Where llama.cpp loads each tensor of a model: layers and the output from the back to the card, the rest to RAM."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from aisuite.vram.graph import DEVICE, HOST, aligned, row_padding

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from aisuite.vram.model import ModelShape, Tensor
    from aisuite.vram.rules import Rules

_LAYER = re.compile(r"blk\.(\d+)\.(.+)")
_OF_EVERY_LAYER = ("rope_freqs.", "rope_factors_")  # loaded once on each device that has a layer
_OF_THE_OUTPUT = ("output",)


@dataclass(frozen=True, slots=True)
class Split:
    """Which layers are on the card."""

    first: int  # the first layer on the card; as many as there are layers: none
    output: int  # DEVICE or HOST

    @property
    def is_whole(self) -> bool:
        """Whether all of the model is on the card, but for the token embedding."""
        return self.first == 0 and self.output == DEVICE

    def home(self, layer: int) -> int:
        """Return where a layer is."""
        return DEVICE if layer >= self.first else HOST


def split_of(shape: ModelShape, gpu_layers: int, rules: Rules) -> Split:
    """Return what -ngl means (llama-model.cpp, i_gpu_start)."""
    if rules.output_is_a_layer:
        return Split(max(0, min(shape.layers, shape.layers + 1 - gpu_layers)), DEVICE if gpu_layers > 0 else HOST)
    return Split(max(0, shape.layers - gpu_layers), DEVICE if gpu_layers > shape.layers else HOST)


class Weights:
    """The tensors of a model by their place in it."""

    def __init__(self, shape: ModelShape) -> None:
        self.layers: list[dict[str, Tensor]] = [{} for _ in range(shape.layers)]
        self.shared: dict[str, Tensor] = {}  # read by every layer
        self.output: dict[str, Tensor] = {}
        self.input: dict[str, Tensor] = {}
        for tensor in shape.tensors:
            self._sort_in(tensor)
        self._tied = [self.input["token_embd.weight"]] if shape.tied else []
        numbers: dict[Hashable, int] = {}
        # Of layers that are alike. Types matter only where weights are copied, that is, in RAM.
        self.kinds_on_host = [_kind(shape, one, numbers, layer, typed=True) for one, layer in enumerate(self.layers)]
        self.kinds_on_device = [_kind(shape, one, numbers, layer, typed=False) for one, layer in enumerate(self.layers)]
        self._device_layers = _running_sums(self.layers, DEVICE)
        self._host_layers = _running_sums(self.layers, HOST)

    def _sort_in(self, tensor: Tensor) -> None:
        match = _LAYER.match(tensor.name)
        if match and int(match[1]) < len(self.layers):
            self.layers[int(match[1])][match[2]] = tensor
        elif tensor.name.startswith(_OF_EVERY_LAYER):
            self.shared[tensor.name] = tensor
        elif tensor.name.startswith(_OF_THE_OUTPUT):
            self.output[tensor.name] = tensor
        else:
            self.input[tensor.name] = tensor

    @property
    def output_weight(self) -> Tensor:
        """The matrix that makes logits; often the token embedding again."""
        return self.output.get("output.weight", self.input["token_embd.weight"])

    def device_bytes(self, split: Split) -> int:
        """Return the model buffer of the card."""
        total = self._device_layers[-1] - self._device_layers[split.first]
        if split.first < len(self.layers):
            total += _padded_sum(self.shared.values(), DEVICE)
        if split.output == DEVICE:
            total += _padded_sum([*self.output.values(), *self._tied], DEVICE)
        return total

    def host_bytes(self, split: Split) -> int:
        """Return the model buffer in RAM; a memory-mapped file may show more, for it is mapped in one piece."""
        total = self._host_layers[split.first] + _padded_sum(self.input.values(), HOST)
        if split.first > 0:
            total += _padded_sum(self.shared.values(), HOST)
        if split.output == HOST:
            total += _padded_sum(self.output.values(), HOST)
        return total


def _kind(
    shape: ModelShape, layer: int, numbers: dict[Hashable, int], tensors: dict[str, Tensor], *, typed: bool
) -> int:
    """Return a number that layers share when their parts of the graph are the same."""
    parts = tuple((name, tensor.shape, tensor.type if typed else "") for name, tensor in tensors.items())
    kind = (shape.windowed[layer], shape.heads[layer], shape.kv_heads[layer], parts)
    return numbers.setdefault(kind, len(numbers))


def _running_sums(layers: list[dict[str, Tensor]], home: int) -> list[int]:
    return [0, *accumulate(_padded_sum(layer.values(), home) for layer in layers)]


def _padded_sum(tensors: Iterable[Tensor], home: int) -> int:
    total = 0
    for tensor in tensors:
        padding = row_padding(tensor.type, tensor.shape[0]) if home == DEVICE else 0
        total += aligned(tensor.bytes + padding, home)
    return total
