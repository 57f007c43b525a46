"""Plans in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aisuite.vram.model import Budget, Share


def mib(size: int) -> str:
    """Return a size in bytes as whole MiB."""
    return f"{size / 2**20:.0f} MiB"


def layers_in_words(share: Share) -> str:
    """Return how much of a model is on the card; the output counts as a layer, as llama.cpp counts."""
    every = share.shape.layers + 1
    if share.flags.gpu_layers >= every:
        return f"all {every} layers"
    return f"{share.flags.gpu_layers} of {every} layers"


def parts_in_words(share: Share) -> str:
    """Return what the bytes on the card are for."""
    device = share.memory.device
    parts = (("weights", device.model), ("KV", device.kv), ("compute", device.compute))
    named = [f"{name} {mib(size)}" for name, size in parts if size]
    return ", ".join([*named, f"the process itself {mib(share.overhead.bytes)}"])


def host_bytes(shares: Iterable[Share], *, weights: bool = True) -> int:
    """Return what servers take of RAM together, with or without the pages of the models' files."""
    return sum(share.memory.host.total - (0 if weights else share.memory.host.model) for share in shares)


def what_exceeds(used: int, budget: Budget) -> str:
    """Return which bound a use of `used` bytes breaks; empty when it breaks none."""
    if used <= budget.room:
        return ""
    if budget.law <= budget.granted - budget.reserve.bytes:
        return f"would take {mib(used)}, above 90 % of the card ({mib(budget.law)})"
    left = budget.granted - used
    if left >= 0:
        return f"would leave {mib(left)}, below the reserve of {budget.reserve}"
    return f"would take {mib(-left)} more than {whose(budget)}"


def whose(budget: Budget) -> str:
    """Name what bounds the servers: what others leave, or what the owner allows."""
    if budget.wanted is None or budget.card.free < budget.wanted.bytes:
        return f"the {mib(budget.card.free)} that are free"
    return f"the budget of {budget.wanted}"
