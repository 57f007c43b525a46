"""ggml's scheduler (ggml-backend.cpp): which backend computes which node, and what is copied between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.vram.graph import DEVICE, HOST, VIEW_OPS, Graph, Node

if TYPE_CHECKING:
    from collections.abc import Iterable

_OFFLOAD_ROWS = 32  # ggml-cuda.cu: an operation on host weights with as many rows is worth a copy of the weights
_MOST_SOURCES = 10  # ggml.h, GGML_MAX_SRC
_IGNORES_WEIGHTS = frozenset({"ROPE", "FLASH_ATTN_EXT"})  # theirs are too small to decide where they run


def scheduled(graph: Graph) -> list[tuple[Node, int]]:
    """Return the nodes with their backends, copies between backends included, as the allocator sees them."""
    backends = _assigned(graph)
    steps: list[tuple[Node, int]] = []
    for backend, copies, nodes in _splits(graph, backends):
        for source, copy in copies:
            source_view = Node("NONE", source.type, source.extent, (source,))  # keeps the source until it is copied
            source_view.root = source.root or source
            steps += [(source_view, _backend_of(source, backends)), (copy, backend)]
        for node in nodes:
            steps.append((node, backends[node]))
            if backend == DEVICE and node in graph.kept:
                steps += [(reader, backend) for reader in _readers(graph.kept[node])]
    return steps


def _readers(kept: tuple[Node, ...]) -> Iterable[Node]:
    """Return nodes that read what must not be freed earlier."""
    for start in range(0, len(kept), _MOST_SOURCES):
        reader = Node("NONE", kept[start].type, kept[start].extent, kept[start : start + _MOST_SOURCES])
        reader.root = kept[start].root or kept[start]
        yield reader


def _assigned(graph: Graph) -> dict[Node, int]:
    backends: dict[Node, int] = {}
    for node in graph.nodes:
        backend = _fixed(node)
        if backend is not None:
            backends[node] = backend
    computed = [node for node in graph.nodes if node.op not in VIEW_OPS]
    _spread(computed, backends, device_only=True)
    _spread(reversed(computed), backends, device_only=True)
    _spread(computed, backends, device_only=False)
    _spread(reversed(computed), backends, device_only=False)
    for node in graph.nodes:
        if node not in backends:
            backends[node] = _backend_of(node.root, backends) if node.root is not None else HOST
    return backends


def _fixed(node: Node) -> int | None:
    """Return the backend that a node must have for what it reads or writes."""
    if node.forced is not None:
        return node.forced
    if node.root is not None and node.root.home is not None:
        return node.root.home
    if node.op in _IGNORES_WEIGHTS:
        return None
    for source in node.sources:
        if source.is_weight:
            worth_a_copy = source.home == HOST and _batch(node) >= _OFFLOAD_ROWS
            return DEVICE if worth_a_copy else source.home
    return None


def _batch(node: Node) -> int:
    if node.op == "GET_ROWS":
        return 0
    if node.op == "MUL_MAT":
        return node.extent[1]
    return node.extent[2] if node.op in {"MUL_MAT_ID", "ROPE"} else node.rows


def _spread(nodes: Iterable[Node], backends: dict[Node, int], *, device_only: bool) -> None:
    """Give nodes without a backend that of their neighbour."""
    current: int | None = None
    for node in nodes:
        known = backends.get(node)
        if known is not None:
            current = None if device_only and known == HOST else known
        elif current is not None and not (node.cpu_only and current == DEVICE):
            backends[node] = current


def _backend_of(node: Node, backends: dict[Node, int]) -> int:
    if node.home is not None:
        return node.home
    known = backends.get(node)
    if known is None and node.root is not None:
        return _backend_of(node.root, backends)
    return HOST if known is None else known  # inputs lie with the CPU


_Split = tuple[int, list[tuple[Node, Node]], list[Node]]


def _splits(graph: Graph, backends: dict[Node, int]) -> list[_Split]:
    """Cut the graph where the backend changes, and before each further weight that has to be copied."""
    copies: dict[tuple[Node, int], Node] = {}
    splits: list[_Split] = []
    backend, inputs, nodes = -1, [], []  # type: tuple[int, list[tuple[Node, Node]], list[Node]]
    for node in graph.nodes:
        if node.op in VIEW_OPS:
            nodes.append(node)
            continue
        wanted = backends[node]
        if backend == -1:
            backend = wanted
        elif wanted != backend or (inputs and _needs_weight(node, backend)):
            splits.append((backend, inputs, nodes))
            backend, inputs, nodes = wanted, [], []
        nodes.append(node)
        _bring(node, backend, backends, copies, inputs)
    return [*splits, (backend, inputs, nodes)]


def _needs_weight(node: Node, backend: int) -> bool:
    if backend == DEVICE:
        for source in node.sources:
            if source.is_weight and source.home == HOST:
                return True
    return False


def _bring(
    node: Node,
    backend: int,
    backends: dict[Node, int],
    copies: dict[tuple[Node, int], Node],
    inputs: list[tuple[Node, Node]],
) -> None:
    """Let a node read copies of what lies elsewhere; the CPU reads no device memory either."""
    for index, source in enumerate(node.sources):
        if _backend_of(source, backends) == backend:
            continue
        key = (source, backend)
        if key not in copies:
            copies[key] = copy = Node("NONE", source.type, source.extent)
            copy.strides = source.strides
            copy.name = source.name and f"{source.name} for {backend}"
            inputs.append((source, copy))
        node.sources = (*node.sources[:index], copies[key], *node.sources[index + 1 :])
