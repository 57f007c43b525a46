"""The allocator's work cut into layers, so that a layer that was seen once need not be built or followed again.

A layer's takes and gives are the same wherever a layer of its kind stands; only the addresses differ. And from the same
addresses they lead to the same ones. So a model of 80 layers costs little more than one with a layer of each kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.vram.graph_allocator import EMPTY, Blocks, Event, Heap, Lifetimes, What

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.vram.graph import Node

Slot = str | int  # the name of what all layers share, or a node of this layer
_INCOMING = "incoming"


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """The events of one layer, of what is before the first or behind the last."""

    events: tuple[tuple[What, Slot, Slot, int, int, int], ...]  # what, slot, source of a move, backend, size, rest
    outgoing: Slot | None  # what the next segment reads


def cut(
    inputs: Sequence[Node], steps: Sequence[tuple[Node, int]], ends: Sequence[Node], *, trims_reused: bool
) -> list[Segment]:
    """Return the segments of a graph; `ends` are the last nodes of all but the last."""
    lifetimes = Lifetimes(steps, trims_reused=trims_reused)
    lifetimes.inputs(inputs)
    segments = []
    incoming: Node | None = None
    remaining = list(ends)
    for node, backend in steps:
        lifetimes.compute(node, backend)
        if remaining and node is remaining[0]:
            segments.append(_segment(lifetimes.events, incoming, node))
            incoming = remaining.pop(0)
            lifetimes.events = []
    return [*segments, _segment(lifetimes.events, incoming, None)]


def _segment(events: Sequence[Event], incoming: Node | None, outgoing: Node | None) -> Segment:
    slots: dict[Node, Slot] = {} if incoming is None else {incoming: _INCOMING}

    def slot(node: Node) -> Slot:
        return node.name or slots.setdefault(node, len(slots))

    packed = tuple(
        (what, slot(node), slot(source) if source else 0, backend, size, rest)
        for what, node, source, backend, size, rest in events
    )
    return Segment(packed, None if outgoing is None else slot(outgoing))


State = tuple[Blocks, Blocks, tuple[tuple[str, int], ...]]  # free on the device, on the host; where shared things lie
START: State = (EMPTY, EMPTY, ())


class Walk:
    """Follows segments from state to state, and remembers where each led."""

    def __init__(self) -> None:
        self._states: list[State] = [START]
        self._numbers: dict[State, int] = {START: 0}
        self._known: dict[tuple[Segment, int], tuple[int, int, int]] = {}

    def high_water(self, segments: Sequence[Segment]) -> tuple[int, int]:
        """Return the most bytes in use at once: on the device, and on the host."""
        state = device = host = 0
        known = self._known
        for segment in segments:
            key = (segment, state)
            if key not in known:
                known[key] = self._follow(segment, self._states[state])
            state, device_high, host_high = known[key]
            device, host = max(device, device_high), max(host, host_high)
        return device, host

    def _follow(self, segment: Segment, state: State) -> tuple[int, int, int]:
        device, host = heaps = (Heap(state[0]), Heap(state[1]))
        placed: dict[Slot, int] = dict(state[2])
        for what, slot, source, backend, size, rest in segment.events:
            heap = heaps[backend]
            if what is What.TAKE:
                placed[slot] = heap.take(size)
            elif what is What.GIVE:
                heap.give(placed.pop(slot), size)
            else:
                placed[slot] = address = placed.pop(source)
                if rest > 0:
                    heap.give(address + size, rest)
        shared = {name: address for name, address in placed.items() if isinstance(name, str)}
        if segment.outgoing is not None:
            shared[_INCOMING] = placed[segment.outgoing]
        after = (device.free, host.free, tuple(sorted(shared.items())))
        number = self._numbers.setdefault(after, len(self._states))
        if number == len(self._states):
            self._states.append(after)
        return number, device.high_water, host.high_water
