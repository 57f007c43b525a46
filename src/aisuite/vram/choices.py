"""What a plan may choose for one server, each from the best to the leanest."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aisuite.vram.model import ALL_LAYERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.vram.model import Demand, KvType, ServerFlags

_CELLS = 256  # llama.cpp rounds a context up to this
_CONTEXT_STEPS = 8
_PLAIN: frozenset[KvType] = frozenset({"f16", "bf16", "f32"})


class Dimension(StrEnum):
    """One thing that can be chosen."""

    LAYERS = "layers"
    CONTEXT = "context"
    PARALLEL = "parallel"
    KV = "kv"


_FIELDS = {
    Dimension.LAYERS: ("gpu_layers",),
    Dimension.CONTEXT: ("context",),
    Dimension.PARALLEL: ("parallel",),
    Dimension.KV: ("kv_k", "kv_v"),
}


def choices_of(demand: Demand) -> Mapping[Dimension, tuple[Any, ...]]:
    """Return the values that the profile leaves open, best first; one value where it does not."""
    flags = demand.flags
    fewest = min(flags.parallel, demand.parallel_floor or flags.parallel)
    others = (one for one in demand.kv_choices if one != flags.kv_k and kv_works(one, flags))
    return {
        Dimension.LAYERS: _layers(demand.shape.layers) if demand.layers_open else (flags.gpu_layers,),
        Dimension.CONTEXT: _contexts(flags.context, demand.context_floor),
        Dimension.PARALLEL: tuple(range(flags.parallel, fewest - 1, -1)),
        Dimension.KV: (flags.kv_k, *others),
    }


def with_value(flags: ServerFlags, dimension: Dimension, value: Any) -> ServerFlags:
    """Return the flags with one choice made."""
    return replace(flags, **dict.fromkeys(_FIELDS[dimension], value))


def kv_works(kind: KvType, flags: ServerFlags) -> bool:
    """Whether llama.cpp takes this type for the KV cache: a quantised one only with flash attention."""
    return kind in _PLAIN or flags.flash_attention != "off"


def _layers(layers: int) -> tuple[int, ...]:
    """All, then one less at a time; the output counts as one."""
    return (ALL_LAYERS, *range(layers, -1, -1))


def _contexts(wish: int, floor: int | None) -> tuple[int, ...]:
    if floor is None or floor >= wish:
        return (wish,)
    step = -(-wish // _CONTEXT_STEPS // _CELLS) * _CELLS
    return (*range(wish, floor, -step), floor)
