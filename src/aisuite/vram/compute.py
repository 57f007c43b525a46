"""Compute buffers: llama.cpp's graph, ggml's scheduler and ggml's allocator, run over the layers that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.vram.decoder import Task, decoder_graph
from aisuite.vram.graph_splits import scheduled
from aisuite.vram.segments import Segment, Walk, cut

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from aisuite.vram.weights import Split

Buffers = tuple[int, int]  # of the device and of the host


class ComputeBuffers:
    """The compute buffers of one server for any number of layers on the card."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._layers = range(task.shape.layers)
        self._segments: dict[Hashable, Segment] = {}
        self._walk = Walk()
        self._known: dict[Split, Buffers] = {}

    def of(self, split: Split) -> Buffers:
        """Return the buffers for a split."""
        if split not in self._known:
            self._known[split] = self._followed(split)
        return self._known[split]

    def _followed(self, split: Split) -> Buffers:
        keys = self._keys(split)
        missing = {key: layer for layer, key in reversed(list(enumerate(keys, -1))) if key not in self._segments}
        if missing:
            self._build(split, set(missing.values()), keys)
        return self._walk.high_water([self._segments[key] for key in keys])

    def _keys(self, split: Split) -> list[Hashable]:
        """Return what decides each segment: the part before the layers, every layer, the part behind them."""
        windowed, first = self._task.shape.windowed, split.first
        # Copies for all of the card's layers are made in the order in which these need them.
        order = windowed[first : first + 1]
        around = (frozenset(windowed[:first]), frozenset(windowed[first:]), order, split.output, split.is_whole)
        weights = self._task.weights
        kinds = [*weights.kinds_on_host[:first], *weights.kinds_on_device[first:]]
        roles = self._roles(split)
        return [
            (around, "before"),
            *((around, kind, roles.get(layer)) for layer, kind in enumerate(kinds)),
            (around, "behind"),
        ]

    def _roles(self, split: Split) -> dict[int, tuple[str, ...]]:
        """Return the layers that open or close something: a place, or the use of a mask in a place.

        What a layer opens may be copied in the one before it, where that began a stretch of work on the card.
        """
        windowed, first, last = self._task.shape.windowed, split.first, len(self._layers) - 1
        roles: dict[int, tuple[str, ...]] = {}

        def add(layer: int, role: str) -> None:
            if 0 <= layer <= last:
                roles[layer] = (*roles.get(layer, ()), role)

        for home, layers in (("host", range(first)), ("device", range(first, last + 1))):
            for window in (False, True):
                own = [layer for layer in layers if windowed[layer] == window]
                if own:
                    add(own[0] - 1, f"leads to {home} {window}")
                    add(own[0], f"opens {home} {window}")
                    add(own[-1], f"closes {home} {window}")
        for layer, role in ((0, "first"), (first - 1, "before the card"), (first, "first on the card"), (last, "last")):
            add(layer, role)
        return roles

    def _build(self, split: Split, wanted: set[int], keys: Sequence[Hashable]) -> None:
        """Build the graph of the wanted layers and of those that open or close something, and keep its segments."""
        layers = sorted(layer for layer in wanted | set(self._roles(split)) if layer in self._layers)
        graph, ends = decoder_graph(self._task, [(layer, split.home(layer)) for layer in layers], split)
        inputs = [leaf for leaf in graph.leafs if leaf.is_input]
        segments = cut(inputs, scheduled(graph), ends, trims_reused=self._task.rules.trims_reused)
        for key, segment in zip([keys[0], *(keys[layer + 1] for layer in layers), keys[-1]], segments, strict=True):
            self._segments.setdefault(key, segment)
