"""The attention of one layer, as llama.cpp's graph has it (llama-graph.cpp, build_attn and build_attn_mha)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.vram.ggml_types import BY_NAME
from aisuite.vram.graph import (
    DEVICE,
    HOST,
    Graph,
    Node,
    aligned,
    cache,
    graph_input,
    like,
    matmul,
    op,
    permute,
    reshape,
    view,
    weight,
)
from aisuite.vram.kv import card_has_flash, value_heads

if TYPE_CHECKING:
    from aisuite.vram.decoder import Layer, Task

_PROJECTIONS = ("attn_q", "attn_k", "attn_v")
_HEADS_LAST = (0, 2, 1, 3)
_ROPE_FACTORS = ("rope_freqs.weight", "rope_factors_long.weight")  # those of long contexts are as many as of short
_PLACES = (DEVICE, HOST)
_MASK_ROWS = 64  # GGML_KQ_MASK_PAD, before masks were born as f16


class Attention:
    """Builds the attention of each layer; the inputs are the same for all."""

    def __init__(self, task: Task, graph: Graph) -> None:
        self._task = task
        self._graph = graph
        self._flash = task.context.flash
        self._card_has_flash = card_has_flash(task.shape, task.flags)
        self._keys, self._values = task.flags.kv_k.upper(), task.flags.kv_v.upper()
        name = next((name for name in _ROPE_FACTORS if name in task.weights.shared), None)
        self._factors = {home: (_named(weight(task.weights.shared[name], home)),) if name else () for home in _PLACES}
        self._positions = graph_input("positions", "I32", task.tokens)
        kinds = sorted(set(task.shape.windowed))
        self._masks = {windowed: self._mask(windowed=windowed) for windowed in kinds}
        value_rows = 1 if self._flash else task.shape.value_length * max(task.shape.kv_heads)
        self._key_slots = {windowed: graph_input(f"key slots {windowed}", "I64", task.tokens) for windowed in kinds}
        self._value_slots = {
            windowed: graph_input(f"value slots {windowed}", "I64", task.tokens * value_rows) for windowed in kinds
        }
        self._key_turns = {
            windowed: self._rotation(f"key turn {windowed}", self._keys, task.shape.key_length) for windowed in kinds
        }
        self._value_turns = {
            windowed: self._rotation(f"value turn {windowed}", self._values, task.shape.value_length, 64)
            for windowed in kinds
        }

    def _mask(self, *, windowed: bool) -> Node:
        context, tokens = self._task.context, self._task.tokens
        cells, rows = context.cells_of(windowed=windowed), tokens // context.streams
        if self._task.rules.half_masks:
            return graph_input(f"mask {windowed}", "F16" if self._flash else "F32", cells, rows, 1, context.streams)
        full = graph_input(f"mask {windowed}", "F32", cells, -(-rows // _MASK_ROWS) * _MASK_ROWS, 1, context.streams)
        if not self._flash:
            return full
        return _named(op("CPY", full.extent, full, type_="F16"), f"half {full.name}")

    def _rotation(self, name: str, kind: str, length: int, most: int = 1 << 30) -> Node | None:
        if not self._task.rules.rotated_cache or BY_NAME[kind].block == 1 or length % 64:
            return None
        size = 64
        while size < most and length % (2 * size) == 0:
            size *= 2
        return graph_input(name, "F32", size, size)

    def attend(self, layer: Layer, activations: Node) -> Node:
        """Return what the layer's attention adds; a layer that has none adds nothing."""
        if not _has_attention(layer):
            return activations
        query, key, value = self._projected(layer, activations)
        key_turn, value_turn = self._key_turns[layer.windowed], self._value_turns[layer.windowed]
        if key_turn is not None:
            query, key = _turned(query, key_turn), _turned(key, key_turn)
        if value_turn is not None:
            value = _turned(value, value_turn)
        keys_first = any(self._task.shape.windowed) or not self._task.rules.output_is_a_layer
        for node in (query, key, value) if keys_first else (query, value, key):
            self._graph.expand(node)
        keys, values = self._stored(layer, key, value)
        current = self._weighed(layer, query, keys, values)
        self._graph.expand(current)
        if value_turn is not None:
            current = _turned(current, value_turn)
        return layer.product("attn_output", current)

    def _projected(self, layer: Layer, activations: Node) -> tuple[Node, Node, Node]:
        """Return query, key and value of each token."""
        task, shape = self._task, self._task.shape
        heads, kv_heads = shape.heads[layer.index], shape.kv_heads[layer.index]
        parts = ((heads, shape.key_length), (kv_heads, shape.key_length), (kv_heads, shape.value_length))
        if "attn_qkv.weight" in layer:
            together = layer.product("attn_qkv", activations)
            query, key, value = (_slice(together, *part) for part in parts)
            if not task.rules.output_is_a_layer:
                value = op("CONT", value.extent, value)
        else:
            query, key, value = (
                reshape(self._product(layer, name, activations, length), length, count, task.tokens)
                for name, (count, length) in zip(_PROJECTIONS, parts, strict=True)
            )
        if _norms_heads(layer, shape.key_length):
            query, key = layer.norm("attn_q_norm", query), layer.norm("attn_k_norm", key)
        query, key = self._positioned(layer, query, key)
        return (like("SCALE", query) if task.traits.scaled_query else query), key, value

    def _product(self, layer: Layer, name: str, activations: Node, length: int) -> Node:
        result = layer.product(name, activations)
        return result if _norms_heads(layer, length) else layer.norm(f"{name}_norm", result)

    def _positioned(self, layer: Layer, query: Node, key: Node) -> tuple[Node, Node]:
        factors = self._factors[layer.home]
        return like("ROPE", query, self._positions, *factors), like("ROPE", key, self._positions, *factors)

    def _stored(self, layer: Layer, key: Node, value: Node) -> tuple[Node, Node]:
        """Write key and value into the cache, and return the cache as attention reads it."""
        task, context, shape = self._task, self._task.context, self._task.shape
        home = layer.home if task.flags.kv_offload else HOST
        cells, kv_heads = context.cells_of(windowed=layer.windowed), shape.kv_heads[layer.index]
        value_width = shape.value_length * value_heads(shape, layer.index, flash=self._flash)
        keys = cache(self._keys, (shape.key_length * kv_heads, cells, context.streams, 1), home)
        values = cache(self._values, (value_width, cells, context.streams, 1), home)
        self._graph.expand(_written(keys, _rows(key), self._key_slots[layer.windowed]))
        if self._flash:
            self._graph.expand(_written(values, _rows(value), self._value_slots[layer.windowed]))
            values_seen = _heads_of(values, shape.value_length, kv_heads, cells)
        else:
            single = reshape(_widened(value, value_width), 1, value_width * task.tokens)
            self._graph.expand(_written(values, single, self._value_slots[layer.windowed]))
            values_seen = _transposed_heads_of(values, shape.value_length, kv_heads, cells)
        return permute(_heads_of(keys, shape.key_length, kv_heads, cells), _HEADS_LAST), permute(
            values_seen, _HEADS_LAST
        )

    def _weighed(self, layer: Layer, query: Node, keys: Node, values: Node) -> Node:
        """Return each token's mixture of values."""
        streams, tokens = self._task.context.streams, self._task.tokens
        length, heads = query.extent[0], query.extent[1]
        rows = tokens // streams
        strides = (*query.strides[:3], query.strides[2] * rows)
        query = permute(view("VIEW", query, (length, heads, rows, streams), strides), _HEADS_LAST)
        mask = self._masks[layer.windowed]
        if self._flash:
            return reshape(self._flash_attention(query, keys, values, mask), values.extent[0] * heads, tokens)
        scores = like("SOFT_MAX", matmul(keys, query), mask)
        mixed = permute(matmul(values, scores), _HEADS_LAST)
        current = op("CONT", (mixed.extent[0] * heads, tokens, 1, 1), mixed)
        if not self._task.flags.kv_offload:
            current.forced = HOST
        return current

    def _flash_attention(self, query: Node, keys: Node, values: Node, mask: Node) -> Node:
        keys, values = _halved(keys), _halved(values)
        extent = (values.extent[0], query.extent[2], query.extent[1], query.extent[3])
        node = op("FLASH_ATTN_EXT", extent, query, keys, values, mask)
        node.cpu_only = not self._card_has_flash
        if self._task.rules.flash_scratch:
            for source in (keys, values):
                if source.type != "F16":
                    node.scratch = aligned(node.scratch, DEVICE) + 2 * source.elements
        return node


def _named(node: Node, name: str = "rope factors") -> Node:
    node.name = name
    return node


def _has_attention(layer: Layer) -> bool:
    apart = all(f"{name}.weight" in layer for name in _PROJECTIONS)
    return "attn_output.weight" in layer and (apart or "attn_qkv.weight" in layer)


def _norms_heads(layer: Layer, length: int) -> bool:
    """Tell whether norms of query and key are of each head, not of all heads together (OLMo 2)."""
    return "attn_q_norm.weight" not in layer or layer.weight("attn_q_norm.weight").extent[0] == length


def _slice(together: Node, heads: int, length: int) -> Node:
    row = BY_NAME[together.type].row_bytes(length)
    tokens = together.extent[1]
    strides = (together.strides[0], row, together.strides[1], together.strides[1] * tokens)
    return view("VIEW", together, (length, heads, tokens, 1), strides)


def _turned(node: Node, turn: Node) -> Node:
    """Multiply each piece of a row with a Hadamard matrix (llama_mul_mat_hadamard)."""
    size = turn.extent[0]
    pieces = (size, node.elements // size, 1, 1)
    flat = view("RESHAPE", node, pieces) if node.is_contiguous else op("CONT", pieces, node)
    return view("RESHAPE", matmul(turn, flat), node.extent)


def _rows(node: Node) -> Node:
    """Return heads side by side: one row per token."""
    width, tokens = node.extent[0] * node.extent[1], node.extent[2]
    return view("VIEW", node, (width, tokens, 1, 1), (*_row_strides(node, tokens),))


def _row_strides(node: Node, tokens: int) -> tuple[int, int, int, int]:
    step = node.strides[2]
    return (node.strides[0], step, step * tokens, step * tokens)


def _widened(value: Node, width: int) -> Node:
    """Return values without gaps, and as wide as the widest layer's."""
    own, tokens = value.extent[0] * value.extent[1], value.extent[2]
    flat = reshape(value, own, tokens) if value.is_contiguous else op("CONT", (own, tokens, 1, 1), value)
    return flat if own == width else op("PAD", (width, tokens, 1, 1), flat)


def _written(target: Node, rows: Node, slots: Node) -> Node:
    node = Node("SET_ROWS", target.type, target.extent, (rows, slots, target))
    node.root = target
    return node


def _heads_of(stored: Node, length: int, heads: int, cells: int) -> Node:
    kind = BY_NAME[stored.type]
    row = kind.row_bytes(stored.extent[0])
    strides = (kind.block_bytes, kind.row_bytes(length), row, row * cells)
    return view("VIEW", stored, (length, heads, cells, stored.extent[2]), strides)


def _transposed_heads_of(stored: Node, length: int, heads: int, cells: int) -> Node:
    kind = BY_NAME[stored.type]
    row = kind.row_bytes(cells)
    strides = (kind.block_bytes, row * length, row, row * stored.extent[0])
    return view("VIEW", stored, (cells, heads, length, stored.extent[2]), strides)


def _halved(stored: Node) -> Node:
    return op("CPY", stored.extent, stored, type_="F16") if stored.type == "F32" else stored
