"""Compute buffers: llama.cpp's graph, ggml's scheduler and ggml's allocator, run over the layers that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.vram.decoder import Task, decoder_graph
from aisuite.vram.graph import HOST
from aisuite.vram.graph_allocator import Allocator
from aisuite.vram.graph_splits import scheduled

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from aisuite.vram.weights import Split

Buffers = tuple[int, int]  # of the device and of the host


class ComputeBuffers:
    """The compute buffers of one server for any number of layers on the card."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._on_host = [_kind(task, layer, with_types=True) for layer in range(task.shape.layers)]
        self._on_device = [_kind(task, layer, with_types=False) for layer in range(task.shape.layers)]
        self._known: dict[Hashable, Buffers] = {}

    def of(self, split: Split) -> Buffers:
        """Return the buffers for a split."""
        kinds = [(HOST, kind) for kind in self._on_host[: split.first]]
        kinds += [(0, kind) for kind in self._on_device[split.first :]]
        kept = telling_layers(kinds)
        key = (tuple(kinds[layer] for layer in kept), split.output, split.first == 0)
        if key not in self._known:
            self._known[key] = compute_bytes(self._task, [(layer, split.home(layer)) for layer in kept], split)
        return self._known[key]


def telling_layers(kinds: Sequence[Hashable]) -> list[int]:
    """Return layers enough to see every buffer at its fullest: each kind of layer behind each other, and the last.

    A layer leaves the allocator as it found it, so a second one of its kind in the same place changes nothing.
    """
    seen = set()
    kept = []
    for layer, kind in enumerate(kinds):
        step = (kinds[layer - 1] if layer else None, kind)
        if step not in seen or layer == len(kinds) - 1:
            seen.add(step)
            kept.append(layer)
    return kept


def _kind(task: Task, layer: int, *, with_types: bool) -> Hashable:
    """Return what makes layers alike. The types of weights on the card do not matter: nothing copies them."""
    shape = task.shape
    tensors = tuple(
        (name, tensor.shape, tensor.type if with_types else "")
        for name, tensor in sorted(task.weights.layers[layer].items())
    )
    return (shape.windowed[layer], shape.heads[layer], shape.kv_heads[layer], tensors)


def compute_bytes(task: Task, layers: Sequence[tuple[int, int]], split: Split) -> Buffers:
    """Return the buffers for some layers, each with the place it is in."""
    graph = decoder_graph(task, layers, split)
    inputs = [leaf for leaf in graph.leafs if leaf.is_input]
    return Allocator(trims_reused=task.rules.trims_reused).run(inputs, scheduled(graph))
