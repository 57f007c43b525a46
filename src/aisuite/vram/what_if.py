"""`--what-if`: a few settings changed, to see what would become of the plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from aisuite.errors import UsageError
from aisuite.vram.choices import kv_works
from aisuite.vram.model import ALL_LAYERS, KvType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.vram.model import Demand

_EXAMPLE = "aisuite plan --what-if context=8192,kv=q8_0   # or of one model: code.context=8192"
_MOST = 2**31 - 1
_COUNTS = {"context": "context", "parallel": "parallel", "batch": "batch"}
_KEYS = ("context", "kv", "layers", "parallel", "batch")


@dataclass(frozen=True, slots=True)
class Change:
    """One setting of one model, or (None) of all."""

    model: str | None
    key: str
    value: int | str

    def __str__(self) -> str:
        return f"{self.model}.{self.key}={self.value}" if self.model else f"{self.key}={self.value}"


def parse_changes(text: str) -> tuple[Change, ...]:
    """Read `context=8192,kv=q8_0,code.layers=20`. Raises UsageError."""
    return tuple(_parse(item.strip()) for item in text.split(",") if item.strip())


def apply_changes(demands: Sequence[Demand], changes: Sequence[Change]) -> tuple[Demand, ...]:
    """Return the demands with these settings. Raises UsageError for one that no model of them can have."""
    names = [demand.model for demand in demands]
    for change in changes:
        if change.model is not None and change.model not in names:
            raise UsageError(f"--what-if {change}: the models are {', '.join(names)}", _EXAMPLE)
    changed = []
    for demand in demands:
        for change in changes:
            if change.model in {None, demand.model}:
                demand = _changed(demand, change)
        if not kv_works(demand.flags.kv_v, demand.flags):
            raise UsageError(
                f"{demand.model}: KV type {demand.flags.kv_v} needs flash attention, which is off", _EXAMPLE
            )
        changed.append(demand)
    return tuple(changed)


def _parse(item: str) -> Change:
    left, equals, value = item.partition("=")
    model, dot, key = left.strip().rpartition(".")
    if not equals or key not in _KEYS or (dot and not model):
        raise UsageError(f"--what-if {item}: there is {', '.join(_KEYS)}, each with a value", _EXAMPLE)
    return Change(model or None, key, _value(key, value.strip(), item))


def _value(key: str, value: str, item: str) -> int | str:
    if key == "kv":
        if value not in get_args(KvType):
            raise UsageError(f"--what-if {item}: the types are {', '.join(get_args(KvType))}", _EXAMPLE)
        return value
    if key == "layers" and value in {"all", "auto"}:
        return value
    least = 0 if key == "layers" else 1
    if not value.isdecimal() or not value.isascii() or not least <= int(value[:11]) <= _MOST:
        raise UsageError(f"--what-if {item}: {key} is a number from {least}", _EXAMPLE)
    return int(value)


def _changed(demand: Demand, change: Change) -> Demand:
    value: Any = change.value
    match change.key:
        case "kv":
            return replace(demand, flags=replace(demand.flags, kv_k=value, kv_v=value), kv_choices=())
        case "layers":
            return _with_layers(demand, value)
        case "context":
            return replace(demand, flags=replace(demand.flags, context=value), context_floor=None)
        case "parallel":
            return replace(demand, flags=replace(demand.flags, parallel=value), parallel_floor=None)
        case _:
            return replace(demand, flags=replace(demand.flags, batch=value))


def _with_layers(demand: Demand, value: int | str) -> Demand:
    most = demand.shape.layers + 1
    if isinstance(value, int) and value > most:
        raise UsageError(f"{demand.model} has {most} layers, its output counted; {value} cannot be on a card", _EXAMPLE)
    layers = value if isinstance(value, int) else ALL_LAYERS
    flags = replace(demand.flags, gpu_layers=layers)
    return replace(demand, flags=flags, layers_open=value == "auto", fixed_by="as asked")
