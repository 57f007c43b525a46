"""Which of the allowed choices a plan takes. Deterministic: the same demands and room give the same flags."""

from __future__ import annotations

from bisect import bisect_left
from itertools import product
from typing import TYPE_CHECKING

from aisuite.vram.choices import Dimension, choices_of, with_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aisuite.vram.model import Demand, Prefer, ServerFlags
    from aisuite.vram.pricing import Pricing

    _Way = tuple[int, float, ServerFlags]  # bytes of the card, slowdown, and the flags that make them

# What is decided first gets the memory; within one dimension the models come in the profile's order.
_ORDER: Mapping[Prefer, tuple[Dimension, ...]] = {
    "chat-speed": (Dimension.LAYERS, Dimension.CONTEXT, Dimension.PARALLEL, Dimension.KV),
    "context": (Dimension.CONTEXT, Dimension.PARALLEL, Dimension.LAYERS, Dimension.KV),
}
_FALLING = (Dimension.CONTEXT, Dimension.PARALLEL)  # each choice takes less than the one before
_ENOUGH = 0.5  # share of a model's layers for which `balance` gives up context
_HOST_COST = 8  # a weight read from RAM takes about as long as this many read from the card


def choose(demands: Sequence[Demand], room: int, pricing: Pricing, prefer: Prefer) -> dict[str, ServerFlags]:
    """Return the flags of each model. When not even the leanest fit into `room` bytes, those are returned."""
    search = _Search(demands, room, pricing)
    if prefer == "balance":
        return search.balance()
    return search.in_order(_ORDER[prefer])


class _Search:
    """Starts with every server at its leanest, and raises one choice after the other as far as there is room."""

    def __init__(self, demands: Sequence[Demand], room: int, pricing: Pricing) -> None:
        self._demands, self._room, self._pricing = demands, room, pricing
        self._choices = {demand.model: choices_of(demand) for demand in demands}
        self._flags = {demand.model: self._leanest(demand) for demand in demands}

    def in_order(self, order: Sequence[Dimension]) -> dict[str, ServerFlags]:
        """Decide dimension by dimension, each for all models."""
        for dimension in order:
            for demand in self._demands:
                self._raise(demand, dimension)
        return self._flags

    def balance(self) -> dict[str, ServerFlags]:
        """Keep what the profile asks for while each model has half of its layers; the slowest is made fastest.

        Each level costs less than the one before, so the first at which enough layers fit is found by halving.
        """
        levels = self._levels()
        if self._enough_at(levels[0]):
            return self._shared(levels[0])
        first = bisect_left(range(len(levels)), True, lo=1, key=lambda number: self._enough_at(levels[number]))
        return self._shared(levels[min(first, len(levels) - 1)])

    def _leanest(self, demand: Demand) -> ServerFlags:
        flags = demand.flags
        for dimension in _FALLING:
            flags = with_value(flags, dimension, self._choices[demand.model][dimension][-1])
        flags = min(self._each(demand, flags, Dimension.KV), key=lambda one: self._floor(demand, one))
        return self._cheapest(demand, self._each(demand, flags, Dimension.LAYERS))

    def _cheapest(self, demand: Demand, ways: Sequence[ServerFlags]) -> ServerFlags:
        """Return the way that takes least; ways that take more by weights and cache alone are not looked at."""
        by_floor = sorted(ways, key=lambda one: self._floor(demand, one))
        best = by_floor[0]
        for flags in by_floor[1:]:
            if self._floor(demand, flags) >= self._cost(demand, best):
                break
            best = min(best, flags, key=lambda one: self._cost(demand, one))
        return best

    def _each(self, demand: Demand, flags: ServerFlags, dimension: Dimension) -> list[ServerFlags]:
        return [with_value(flags, dimension, value) for value in self._choices[demand.model][dimension]]

    def _raise(self, demand: Demand, dimension: Dimension) -> None:
        room = self._room - self._used() + self._cost(demand, self._flags[demand.model])
        every = self._each(demand, self._flags[demand.model], dimension)
        ways = [flags for flags in every if self._floor(demand, flags) <= room]
        fits = lambda flags: self._cost(demand, flags) <= room  # noqa: E731
        if dimension in _FALLING:
            ways = ways[bisect_left(ways, True, key=fits) :]
        chosen = next(filter(fits, ways), None)
        if chosen is not None:
            self._flags[demand.model] = chosen

    def _used(self) -> int:
        return sum(self._cost(demand, self._flags[demand.model]) for demand in self._demands)

    def _cost(self, demand: Demand, flags: ServerFlags) -> int:
        return self._pricing.device_bytes(demand.shape, flags)

    def _floor(self, demand: Demand, flags: ServerFlags) -> int:
        return self._pricing.device_floor(demand.shape, flags)

    def _levels(self) -> list[dict[str, ServerFlags]]:
        """What all models give up together, step by step: first finer KV types, then slots, then context."""
        wish = {Dimension.KV: 0, Dimension.PARALLEL: 0, Dimension.CONTEXT: 0}
        levels = [self._at(wish)]
        for dimension in wish:
            for step in range(1, max(len(choices[dimension]) for choices in self._choices.values())):
                wish[dimension] = step
                levels.append(self._at(wish))
        return levels

    def _at(self, steps: Mapping[Dimension, int]) -> dict[str, ServerFlags]:
        found = {}
        for demand in self._demands:
            flags = demand.flags
            for dimension, step in steps.items():
                values = self._choices[demand.model][dimension]
                flags = with_value(flags, dimension, values[min(step, len(values) - 1)])
            found[demand.model] = flags
        return found

    def _enough_at(self, level: Mapping[str, ServerFlags]) -> bool:
        used = 0
        for demand in self._demands:
            least = _ENOUGH * (demand.shape.layers + 1) if demand.layers_open else 0
            enough = [flags for flags in self._layers(demand, level) if flags.gpu_layers >= least]
            used += self._cost(demand, self._cheapest(demand, enough))
        return used <= self._room

    def _shared(self, level: Mapping[str, ServerFlags]) -> dict[str, ServerFlags]:
        """Choose the layers with which the model that loses most loses least; where none fit, the leanest."""
        leanest = {
            demand.model: self._cost(demand, self._cheapest(demand, self._layers(demand, level)))
            for demand in self._demands
        }
        spare = self._room - sum(leanest.values())
        frontiers = [self._frontier(demand, level, spare + leanest[demand.model]) for demand in self._demands]
        ways = [way for way in product(*frontiers) if sum(cost for cost, _, _ in way) <= self._room]
        best = min(ways, key=_slowest_first, default=tuple(frontier[0] for frontier in frontiers))
        return {demand.model: flags for demand, (_, _, flags) in zip(self._demands, best, strict=True)}

    def _layers(self, demand: Demand, level: Mapping[str, ServerFlags]) -> list[ServerFlags]:
        return self._each(demand, level[demand.model], Dimension.LAYERS)

    def _frontier(self, demand: Demand, level: Mapping[str, ServerFlags], room: int) -> list[_Way]:
        """Return those numbers of layers that no other beats in both bytes and time, the cheapest first.

        `room` is what the others leave at most; where nothing fits into it, the cheapest alone is returned.
        """
        every = self._layers(demand, level)
        tried = [one for one in every if self._floor(demand, one) <= room] or [self._cheapest(demand, every)]
        ways = [(self._cost(demand, flags), self._slowdown(demand, flags), flags) for flags in tried]
        kept: list[_Way] = []
        for way in sorted(ways, key=lambda one: one[:2]):
            if not kept or way[1] < kept[-1][1]:
                kept.append(way)
        return kept

    def _slowdown(self, demand: Demand, flags: ServerFlags) -> float:
        """Return how many times longer an answer takes than with all weights on the card, by the model's weight."""
        memory = self._pricing.memory(demand.shape, flags)
        device, host = memory.device.model, memory.host.model
        return demand.weight * (device + _HOST_COST * host) / max(1, device + host)


def _slowest_first(way: Sequence[_Way]) -> tuple[float, float]:
    slowdowns = [slowdown for _, slowdown, _ in way]
    return max(slowdowns), sum(slowdowns)
