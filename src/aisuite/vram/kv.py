"""The context a server really gets, and the KV cache that it needs (llama-context.cpp, llama-kv-cache*.cpp)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.vram.ggml_types import BY_NAME
from aisuite.vram.graph import DEVICE, aligned, row_padding

if TYPE_CHECKING:
    from aisuite.vram.model import KvType, ModelShape, ServerFlags
    from aisuite.vram.rules import Rules

_FLASH_HEADS = frozenset({40, 64, 72, 80, 96, 112, 128, 256})  # ggml-cuda/fattn.cu; keys as long as values
_FLASH_TYPES = frozenset({"f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0"})


@dataclass(frozen=True, slots=True)
class Context:
    """What llama.cpp makes of -c, -b, -ub, -np and -fa."""

    tokens: int  # n_ctx, over all slots
    ubatch: int
    streams: int  # caches apart from each other: one, or one per slot
    sequences: int  # slots that the reserved graph serves
    cells: int  # of a stream
    window_cells: int  # of a stream, in layers with a sliding window
    flash: bool

    def cells_of(self, *, windowed: bool) -> int:
        """Return the cells per stream of a layer."""
        return self.window_cells if windowed else self.cells


def context_of(shape: ModelShape, flags: ServerFlags, rules: Rules) -> Context:
    """Return the context that a server gets."""
    flash = uses_flash(shape, flags, rules)
    step = 256 if flash or rules.padded_cells else 32
    slots = max(1, flags.parallel)
    unified = flags.kv_unified or slots == 1
    streams = 1 if unified else slots
    asked = flags.context or shape.trained_context
    tokens = _padded(asked, 256) if rules.padded_cells else asked
    cells = _padded(tokens if unified else (tokens // slots if rules.padded_cells else -(-tokens // slots)), step)
    batch = min(asked, flags.batch)
    ubatch = min(batch, flags.ubatch or batch)
    window_cells = cells
    if shape.window and not flags.swa_full:
        window_cells = _window_cells(shape.window * (slots if unified else 1) + ubatch, cells, step, rules)
    return Context(
        tokens=cells * streams,
        ubatch=min(cells * streams, ubatch),
        streams=streams,
        sequences=slots if rules.reserves_each_slot else streams,
        cells=cells,
        window_cells=window_cells,
        flash=flash,
    )


def _window_cells(wanted: int, cells: int, step: int, rules: Rules) -> int:
    return _padded(min(cells, wanted), step) if rules.padded_cells else min(cells, _padded(wanted, step))


def _padded(number: int, step: int) -> int:
    return -(-number // step) * step


def uses_flash(shape: ModelShape, flags: ServerFlags, rules: Rules) -> bool:
    """Tell whether attention is flash attention; quantised values demand it."""
    if flags.flash_attention == "auto":
        return rules.flash_auto and card_has_flash(shape, flags)
    return flags.flash_attention == "on"


def card_has_flash(shape: ModelShape, flags: ServerFlags) -> bool:
    """Tell whether ggml-cuda has a kernel for these heads and this cache."""
    heads_fit = shape.key_length == shape.value_length and shape.key_length in _FLASH_HEADS
    return heads_fit and {flags.kv_k, flags.kv_v} <= _FLASH_TYPES


def layer_kv_bytes(shape: ModelShape, flags: ServerFlags, context: Context, layer: int, home: int) -> int:
    """Return the bytes of one layer's keys and values."""
    rows = context.cells_of(windowed=shape.windowed[layer]) * context.streams
    keys = shape.key_length * shape.kv_heads[layer]
    values = shape.value_length * value_heads(shape, layer, flash=context.flash)
    return _tensor_bytes(flags.kv_k, keys, rows, home) + _tensor_bytes(flags.kv_v, values, rows, home)


def _tensor_bytes(kind: KvType, width: int, rows: int, home: int) -> int:
    name = kind.upper()
    size = BY_NAME[name].row_bytes(width) * rows
    return aligned(size + row_padding(name, width), home) if home == DEVICE else aligned(size, home)


def value_heads(shape: ModelShape, layer: int, *, flash: bool) -> int:
    """Return the KV heads of a layer; transposed values (no flash attention) are padded to the widest layer."""
    return shape.kv_heads[layer] if flash else max(shape.kv_heads)
