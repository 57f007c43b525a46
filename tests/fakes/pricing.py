"""Round prices: each layer and the output weigh the same, each token of context as much as the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.units import Mib
from aisuite.vram.model import (
    Budget,
    Card,
    Demand,
    LlamaBuild,
    Memory,
    ModelShape,
    Overhead,
    Parts,
    ServerFlags,
)
from aisuite.vram.pricing import Pricing

if TYPE_CHECKING:
    from aisuite.vram.model import KvType

MIB = 2**20
LAYER, COMPUTE, PROCESS = 100, 30, 100  # MiB
_KV_SHARE: dict[KvType, float] = {"f16": 1.0, "q8_0": 0.5, "q4_0": 0.25}


def make_shape(layers: int = 10, name: str = "round") -> ModelShape:
    """Return a model of which nothing but the number of layers matters."""
    return ModelShape(
        architecture="llama",
        name=name,
        layers=layers,
        embedding=64,
        feed_forward=(128,) * layers,
        heads=(4,) * layers,
        kv_heads=(2,) * layers,
        key_length=16,
        value_length=16,
        vocabulary=100,
        trained_context=4096,
        window=None,
        windowed=(False,) * layers,
        experts=0,
        experts_used=0,
        expert_feed_forward=0,
        tensors=(),
        file_bytes=(layers + 1) * LAYER * MIB,
    )


def round_estimate(shape: ModelShape, flags: ServerFlags) -> Memory:
    """100 MiB a layer, 1 MiB of KV for 16 tokens in f16, 30 MiB of compute."""
    layers = min(flags.gpu_layers, shape.layers + 1)
    kv = round(flags.context / 16 * _KV_SHARE[flags.kv_k] * MIB)
    on_card = kv if layers > 1 else 0
    return Memory(
        device=Parts(layers * LAYER * MIB, on_card, COMPUTE * MIB),
        host=Parts((shape.layers + 1 - layers) * LAYER * MIB, kv - on_card),
    )


def round_pricing(process: int = PROCESS) -> Pricing:
    """Return these prices, with so many MiB for each process."""
    build = LlamaBuild(1, "b1")
    return Pricing(build, "round", round_estimate, Overhead(process * MIB, "by agreement"), floor=_round_floor)


def _round_floor(shape: ModelShape, flags: ServerFlags) -> int:
    device = round_estimate(shape, flags).device
    return device.model + device.kv


def make_budget(total: int = 6141, free: int | None = None, wanted: int | None = None, reserve: int = 200) -> Budget:
    """Return what may be used of a card; sizes are MiB."""
    left = total if free is None else free
    card = Card("a card", total * MIB, left * MIB, here=True)
    return Budget(card, None if wanted is None else Mib(wanted), Mib(reserve))


def make_demand(model: str = "chat", layers: int = 10, context: int = 1024, *, auto: bool = True) -> Demand:
    """Return a demand for a round model, all of its layers wanted."""
    return Demand(model, make_shape(layers, model), ServerFlags(context=context), layers_open=auto)
