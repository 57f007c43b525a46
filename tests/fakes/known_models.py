"""Shapes of well-known models without their files, and what llama.cpp allocated for them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from aisuite.vram.ggml_types import BY_NAME
from aisuite.vram.model import ModelShape, Tensor
from aisuite.vram.rules import MID, NEW, OLD

_DATA = Path(__file__).parents[1] / "unit" / "vram" / "data"
RULES_OF_ROWS = {"2025-08": OLD, "0.5": MID, "0.7": NEW}


@cache
def known_models() -> Mapping[str, ModelShape]:
    """Return the shapes of the models in the rows, all of them quantised as Q4_K_M."""
    described = json.loads((_DATA / "shapes.json").read_text(encoding="utf-8"))
    return {name: _shape(name, facts) for name, facts in described.items()}


def _shape(name: str, facts: dict[str, Any]) -> ModelShape:
    layers, every = facts["layers"], facts["dense_every"]
    tensors = (*_once(facts), *(tensor for layer in range(layers) for tensor in _layer(facts, layer)))
    same = ("architecture", "layers", "embedding", "key_length", "value_length", "vocabulary", "trained_context")
    experts = ("window", "experts", "experts_used", "expert_feed_forward")
    return ModelShape(
        name=name,
        **{key: facts[key] for key in (*same, *experts)},
        feed_forward=(facts["feed_forward"],) * layers,
        heads=(facts["heads"],) * layers,
        kv_heads=(facts["kv_heads"],) * layers,
        windowed=tuple(bool(every) and layer % every != every - 1 for layer in range(layers)),
        tensors=tensors,
        file_bytes=sum(tensor.bytes for tensor in tensors),
    )


def _once(facts: dict[str, Any]) -> Iterator[Tensor]:
    for name, (kind, *shape) in facts["once"].items():
        yield tensor(name, kind, *shape)


def _layer(facts: dict[str, Any], layer: int) -> Iterator[Tensor]:
    for name, (common, *shape) in facts["of_each_layer"].items():
        others = facts["other_types"].get(name, {})
        kind = next((kind for kind, layers in others.items() if layer in layers), common)
        yield tensor(f"blk.{layer}.{name}", kind, *shape)


def tensor(name: str, kind: str, *shape: int) -> Tensor:
    """Return a tensor of the size that its type and shape give it."""
    row, *others = shape
    size = BY_NAME[kind].row_bytes(row)
    for length in others:
        size *= length
    return Tensor(name, tuple(shape), kind, size)


def allocations() -> list[dict[str, str]]:
    """Return rows of what llama.cpp builds allocated, in MiB."""
    with (_DATA / "allocations.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
