"""ggml's graph allocator (ggml-alloc.c): the memory that nodes need when results are freed and reused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.vram.graph import ALIGNMENT, DEVICE, HOST, Node

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENDLESS = 1 << 62
_IN_PLACE = frozenset({"SCALE", "ADD", "MUL", "DIV", "UNARY", "ROPE", "RMS_NORM", "CLAMP", "SOFT_MAX"})


class Heap:
    """The memory of one backend, as free blocks ordered by address; best fit, the endless last block last."""

    def __init__(self, alignment: int) -> None:
        self._mask = alignment - 1
        self._free = [[0, _ENDLESS]]
        self.high_water = 0

    def padded(self, size: int) -> int:
        """Round a size up to the alignment."""
        return (size + self._mask) & ~self._mask

    def take(self, size: int) -> int:
        """Return the address of a new block."""
        size = self.padded(size)
        free = self._free
        best, best_size = len(free) - 1, _ENDLESS
        for index in range(len(free) - 1):
            if size <= free[index][1] <= best_size:
                best, best_size = index, free[index][1]
        block = free[best]
        address = block[0]
        block[0] += size
        block[1] -= size
        if block[1] == 0:
            del free[best]
        self.high_water = max(self.high_water, address + size)
        return address

    def give(self, address: int, size: int) -> None:
        """Free a block, and join it with its free neighbours."""
        size = self.padded(size)
        free = self._free
        at = 0
        while at < len(free) and free[at][0] < address:
            at += 1
        if at and sum(free[at - 1]) == address:
            at -= 1
            free[at][1] += size
        else:
            free.insert(at, [address, size])
        if at + 1 < len(free) and sum(free[at]) == free[at + 1][0]:
            free[at][1] += free.pop(at + 1)[1]


class Allocator:
    """One run over a graph. Nodes come with the backend that computes them."""

    def __init__(self, *, trims_reused: bool) -> None:
        self._heaps = {backend: Heap(alignment) for backend, alignment in ALIGNMENT.items()}
        self._trims_reused = trims_reused
        self._children: dict[Node, int] = {}
        self._views: dict[Node, int] = {}
        self._placed: dict[Node, tuple[int, int]] = {}  # backend and address of what is allocated now
        self._done: set[Node] = set()

    def run(self, inputs: Sequence[Node], steps: Sequence[tuple[Node, int]]) -> tuple[int, int]:
        """Return the most bytes in use at once: on the device, and on the host."""
        for node in inputs:
            self._allocate(node, HOST)
        self._count(steps)
        for node, backend in steps:
            for source in node.sources:
                self._allocate(source, backend)
            self._allocate(node, backend)
            for source in node.sources:
                self._release(source)
        return self._heaps[DEVICE].high_water, self._heaps[HOST].high_water

    def _count(self, steps: Sequence[tuple[Node, int]]) -> None:
        children, views = self._children, self._views
        for node, _ in steps:
            if node.root is not None and node.op != "NONE":
                views[node.root] = views.get(node.root, 0) + 1
            for source in node.sources:
                children[source] = children.get(source, 0) + 1

    def _allocate(self, node: Node, backend: int) -> None:
        if node.home is not None or node.root is not None or node in self._done:
            return
        self._done.add(node)
        if node.op in _IN_PLACE and self._reuse(node):
            return
        self._placed[node] = (backend, self._heaps[backend].take(_size(node, backend)))

    def _reuse(self, node: Node) -> bool:
        """Put a result where a source lies that nobody else needs; ggml does so for tensors, not for views."""
        for parent in node.sources:
            if parent not in self._placed or parent.is_output:
                continue
            if parent.type != node.type or parent.extent != node.extent or parent.strides != node.strides:
                continue
            if self._children.get(parent) == 1 and not self._views.get(parent):
                self._hand_over(parent, node)
                return True
        return False

    def _hand_over(self, parent: Node, node: Node) -> None:
        backend, address = self._placed.pop(parent)
        self._placed[node] = (backend, address)
        heap = self._heaps[backend]
        had, needs = heap.padded(_size(parent, backend)), heap.padded(_size(node, backend))
        if self._trims_reused and had > needs:
            heap.give(address + needs, had - needs)

    def _release(self, node: Node) -> None:
        children = self._children
        children[node] -= 1
        if children[node] or self._views.get(node, 0):
            return
        owner = node.root
        if owner is None:
            self._free(node)
            return
        self._views[owner] -= 1
        if not self._views[owner] and not children.get(owner, 0):
            self._free(owner)

    def _free(self, node: Node) -> None:
        if node.is_output or node not in self._placed:
            return
        backend, address = self._placed.pop(node)
        self._heaps[backend].give(address, _size(node, backend))


def _size(node: Node, backend: int) -> int:
    return node.host_size if backend == HOST else node.device_size
