"""ggml's graph allocator (ggml-alloc.c): the memory that nodes need when results are freed and reused.

It works in two steps. What is freed when, and what is computed in place, depends on the graph alone: `lifetimes` says
it as takes, moves and gives. Where things lie depends on what lay there before: `Heaps` follows those from any state.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from aisuite.vram.graph import HOST, Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ENDLESS = 1 << 62
_IN_PLACE = frozenset({"SCALE", "ADD", "MUL", "DIV", "UNARY", "ROPE", "RMS_NORM", "CLAMP", "SOFT_MAX"})


class What(IntEnum):
    """The kinds of events."""

    TAKE = 0  # a node gets memory of its own
    MOVE = 1  # a node takes over its source's memory, and gives back what it does not need
    GIVE = 2  # nobody reads a node any more


class Event(NamedTuple):
    """Something that changes what memory is free."""

    what: What
    node: Node
    source: Node | None  # of a move
    backend: int
    size: int  # that the node has
    rest: int = 0  # that a move gives back


class Lifetimes:
    """Follows a graph: every node with the backend that computes it, in order."""

    def __init__(self, steps: Sequence[tuple[Node, int]], *, trims_reused: bool) -> None:
        self._trims_reused = trims_reused
        self._children: dict[Node, int] = {}
        self._views: dict[Node, int] = {}
        self._placed: dict[Node, tuple[int, int]] = {}  # backend and size of what has memory now
        self.events: list[Event] = []
        for node, _ in steps:
            if node.root is not None and node.op != "NONE":
                self._views[node.root] = self._views.get(node.root, 0) + 1
            for source in node.sources:
                self._children[source] = self._children.get(source, 0) + 1

    def inputs(self, nodes: Iterable[Node]) -> None:
        """Inputs have their memory before anything is computed."""
        for node in nodes:
            self._take(node, HOST)

    def compute(self, node: Node, backend: int) -> None:
        """Go on by one node."""
        if node.home is None and node.root is None and not (node.op in _IN_PLACE and self._moved(node)):
            self._take(node, backend)
        for source in node.sources:
            self._release(source)

    def _take(self, node: Node, backend: int) -> None:
        size = node.size(backend)
        self._placed[node] = (backend, size)
        self.events.append(Event(What.TAKE, node, None, backend, size))

    def _moved(self, node: Node) -> bool:
        """Put a result where a source lies that nobody else needs; ggml does so for tensors, not for views."""
        for source in node.sources:
            if source not in self._placed or source.is_output:
                continue
            if source.type != node.type or source.extent != node.extent or source.strides != node.strides:
                continue
            if self._children[source] == 1 and not self._views.get(source):
                backend, had = self._placed.pop(source)
                kept = node.size(backend)
                self._placed[node] = (backend, kept)
                rest = had - kept if self._trims_reused else 0
                self.events.append(Event(What.MOVE, node, source, backend, kept, rest))
                return True
        return False

    def _release(self, node: Node) -> None:
        children = self._children
        children[node] -= 1
        if children[node] or self._views.get(node):
            return
        owner = node.root
        if owner is None:
            self._give(node)
            return
        self._views[owner] -= 1
        if not self._views[owner] and not children.get(owner):
            self._give(owner)

    def _give(self, node: Node) -> None:
        if not node.is_output and node in self._placed:
            backend, size = self._placed.pop(node)
            self.events.append(Event(What.GIVE, node, None, backend, size))


Blocks = tuple[tuple[int, int], ...]
EMPTY: Blocks = ((0, _ENDLESS),)


class Heap:
    """The memory of one backend, as free blocks ordered by address; best fit, the endless last block last."""

    def __init__(self, free: Blocks = EMPTY) -> None:
        self._free = [list(block) for block in free]
        self.high_water = 0

    @property
    def free(self) -> Blocks:
        """The free blocks: address and size."""
        return tuple((address, size) for address, size in self._free)

    def take(self, size: int) -> int:
        """Return the address of a new block."""
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
