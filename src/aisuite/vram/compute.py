"""Compute buffers: llama.cpp's graph, ggml's scheduler and ggml's allocator, run over the layers that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.vram.decoder import Task, decoder_graph
from aisuite.vram.graph_allocator import Allocator
from aisuite.vram.graph_splits import scheduled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.vram.weights import Split


def compute_bytes(task: Task, layers: Sequence[tuple[int, int]], split: Split) -> tuple[int, int]:
    """Return the compute buffers of the device and of the host."""
    graph = decoder_graph(task, layers, split)
    inputs = [leaf for leaf in graph.leafs if leaf.is_input]
    return Allocator(trims_reused=task.rules.trims_reused).run(inputs, scheduled(graph))
