"""What a server costs on a card: one function and what it stands on, so that plans can be made with any rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aisuite.vram.model import LlamaBuild, Memory, ModelShape, Overhead, ServerFlags


@dataclass(frozen=True, slots=True)
class Pricing:
    """The rules of one llama.cpp build on one card."""

    build: LlamaBuild
    rules: str  # the rule set, in words
    estimate: Callable[[ModelShape, ServerFlags], Memory]
    overhead: Overhead  # of each server's process
    notes: tuple[str, ...] = ()
    # Weights and KV cache on the card alone: known at once, where buffers must be simulated.
    floor: Callable[[ModelShape, ServerFlags], int] = lambda _shape, _flags: 0
    # A shape holds hundreds of tensors, so its hash would cost more than an estimate; kept here, its id stays its own.
    _known: dict[tuple[int, ServerFlags], tuple[ModelShape, Memory]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def memory(self, shape: ModelShape, flags: ServerFlags) -> Memory:
        """Return what a server allocates; asked again, it is not computed again."""
        key = (id(shape), flags)
        if key not in self._known:
            self._known[key] = (shape, self.estimate(shape, flags))
        return self._known[key][1]

    def device_bytes(self, shape: ModelShape, flags: ServerFlags) -> int:
        """Return what a server takes of the card, its process included."""
        return self.memory(shape, flags).device.total + self.overhead.bytes

    def device_floor(self, shape: ModelShape, flags: ServerFlags) -> int:
        """Return what a server takes of the card at least."""
        return self.floor(shape, flags) + self.overhead.bytes
