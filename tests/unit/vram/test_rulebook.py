"""Prices of real models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aisuite.vram.model import LlamaBuild, Overhead, ServerFlags
from aisuite.vram.rulebook import price
from tests.fakes.known_models import known_models

MODELS = known_models()
PRICING = price(LlamaBuild(11669, "b11669"), Overhead(100, "by agreement"))


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("layers", [0, 1, 2, 999])
def test_a_floor_is_all_but_the_compute_buffer(name: str, layers: int) -> None:
    flags = replace(ServerFlags(context=1024, batch=128), gpu_layers=layers)
    device = PRICING.memory(MODELS[name], flags).device
    assert PRICING.device_floor(MODELS[name], flags) == device.model + device.kv + 100
