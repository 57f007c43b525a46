"""Which of the allowed choices a plan takes. Deterministic: the same demands and room give the same flags."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from aisuite.vram.choices import Dimension, choices_of, with_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aisuite.vram.model import Demand, Prefer, ServerFlags
    from aisuite.vram.pricing import Pricing

# What is decided first gets the memory; within one dimension the models come in the profile's order.
_ORDER: Mapping[Prefer, tuple[Dimension, ...]] = {
    "chat-speed": (Dimension.LAYERS, Dimension.CONTEXT, Dimension.PARALLEL, Dimension.KV),
    "context": (Dimension.CONTEXT, Dimension.PARALLEL, Dimension.LAYERS, Dimension.KV),
}
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
        """Keep what the profile asks for while each model has half of its layers; share the layers by traffic."""
        lean = dict(self._flags)
        best, most = lean, -1.0
        for level in self._levels():
            self._flags = {name: flags if level is None else level[name] for name, flags in lean.items()}
            self._share_layers()
            least = min(self._share_on_card(demand) for demand in self._demands)
            if self._used() <= self._room and least > most:
                best, most = dict(self._flags), least
            if most >= _ENOUGH:
                break
        return best

    def _leanest(self, demand: Demand) -> ServerFlags:
        flags = demand.flags
        for dimension in (Dimension.CONTEXT, Dimension.PARALLEL, Dimension.KV, Dimension.LAYERS):
            flags = min(self._each(demand, flags, dimension), key=lambda one: self._cost(demand, one))
        return flags

    def _each(self, demand: Demand, flags: ServerFlags, dimension: Dimension) -> list[ServerFlags]:
        return [with_value(flags, dimension, value) for value in self._choices[demand.model][dimension]]

    def _raise(self, demand: Demand, dimension: Dimension) -> None:
        others = self._used() - self._cost(demand, self._flags[demand.model])
        for flags in self._each(demand, self._flags[demand.model], dimension):
            if others + self._cost(demand, flags) <= self._room:
                self._flags[demand.model] = flags
                return

    def _used(self) -> int:
        return sum(self._cost(demand, self._flags[demand.model]) for demand in self._demands)

    def _cost(self, demand: Demand, flags: ServerFlags) -> int:
        return self._pricing.device_bytes(demand.shape, flags)

    def _levels(self) -> list[dict[str, ServerFlags] | None]:
        """What all models give up together, step by step: first finer KV types, then context; None: all they can."""
        depth = {dimension: self._depth(dimension) for dimension in (Dimension.CONTEXT, Dimension.KV)}
        steps = product(range(depth[Dimension.CONTEXT]), range(depth[Dimension.KV]))
        return [{one.model: self._at(one, context, kv) for one in self._demands} for context, kv in steps] + [None]

    def _depth(self, dimension: Dimension) -> int:
        return max(len(choices[dimension]) for choices in self._choices.values())

    def _at(self, demand: Demand, context: int, kv: int) -> ServerFlags:
        choices = self._choices[demand.model]
        flags = with_value(demand.flags, Dimension.CONTEXT, _at_most(choices[Dimension.CONTEXT], context))
        flags = with_value(flags, Dimension.KV, _at_most(choices[Dimension.KV], kv))
        return min(self._each(demand, flags, Dimension.LAYERS), key=lambda one: self._cost(demand, one))

    def _share_layers(self) -> None:
        """Choose the layers that make the expected answer fastest."""
        frontiers = [self._frontier(demand) for demand in self._demands]
        fitting = [way for way in product(*frontiers) if sum(cost for cost, _, _ in way) <= self._room]
        if not fitting:
            return
        fastest = min(fitting, key=lambda way: sum(seconds for _, seconds, _ in way))
        self._flags = {demand.model: flags for demand, (_, _, flags) in zip(self._demands, fastest, strict=True)}

    def _frontier(self, demand: Demand) -> list[tuple[int, float, ServerFlags]]:
        """Return (bytes, time, flags) of those numbers of layers that no other beats in both."""
        ways = [
            (self._cost(demand, flags), self._time(demand, flags), flags)
            for flags in self._each(demand, self._flags[demand.model], Dimension.LAYERS)
        ]
        kept: list[tuple[int, float, ServerFlags]] = []
        for way in sorted(ways, key=lambda one: one[:2]):
            if not kept or way[1] < kept[-1][1]:
                kept.append(way)
        return kept

    def _time(self, demand: Demand, flags: ServerFlags) -> float:
        memory = self._pricing.memory(demand.shape, flags)
        return demand.weight * (memory.device.model + _HOST_COST * memory.host.model)

    def _share_on_card(self, demand: Demand) -> float:
        return min(1.0, self._flags[demand.model].gpu_layers / (demand.shape.layers + 1))


def _at_most(values: Sequence[Any], index: int) -> Any:
    return values[min(index, len(values) - 1)]
