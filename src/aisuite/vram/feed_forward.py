"""The feed-forward part of one layer, dense or of experts (llama-graph.cpp, build_ffn and build_moe_ffn)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.vram.graph import Graph, Node, like, op, reshape, view

if TYPE_CHECKING:
    from aisuite.vram.decoder import Layer, Task

# ggml-cuda keeps what its fused kernels read: topk-moe.cu, and MOE_WEIGHTED_REDUCTION_MAX_EXPERTS in ggml-cuda.cu.
_MOST_ROUTED, _ODD_COUNTS = 512, (288, 576)
_MOST_FUSED = 15


def feed_forward(task: Task, graph: Graph, layer: Layer, activations: Node) -> Node:
    """Return what the layer's feed-forward part adds; a layer that has none adds nothing."""
    if not task.shape.experts_used or not _has_experts(layer):
        return _dense(layer, activations) if _has_both(layer, "ffn_up", "ffn_down") else activations
    result = _experts(task, graph, layer, activations)
    if not _has_both(layer, "ffn_up_shexp", "ffn_down_shexp"):
        return result
    shared = _dense(layer, activations, "_shexp")
    if "ffn_gate_inp_shexp.weight" in layer:
        share = layer.product("ffn_gate_inp_shexp", activations)
        shared = like("MUL", shared, like("DIV", like("UNARY", share), share))
    return like("ADD", result, shared)


def _has_both(layer: Layer, one: str, other: str) -> bool:
    return f"{one}.weight" in layer and f"{other}.weight" in layer


def _has_experts(layer: Layer) -> bool:
    has_inner = "ffn_up_exps.weight" in layer or "ffn_gate_up_exps.weight" in layer
    return has_inner and _has_both(layer, "ffn_gate_inp", "ffn_down_exps")


def _dense(layer: Layer, activations: Node, suffix: str = "") -> Node:
    up = layer.product(f"ffn_up{suffix}", activations)
    width = layer.weight(f"ffn_down{suffix}.weight").extent[0]
    if f"ffn_gate{suffix}.weight" in layer:
        inner = op("GLU", up.extent, layer.product(f"ffn_gate{suffix}", activations), up)
    elif up.extent[0] == 2 * width:  # gate and up in one
        inner = op("GLU", (width, *up.extent[1:]), up)
    else:
        inner = like("UNARY", up)
    return layer.product(f"ffn_down{suffix}", inner)


def _experts(task: Task, graph: Graph, layer: Layer, activations: Node) -> Node:
    width, tokens, used = activations.extent[0], activations.extent[1], task.shape.experts_used
    chosen, shares, routing = _routed(task, layer, activations)
    graph.expand(shares)
    activations = reshape(activations, width, 1, tokens)
    if task.rules.fused_experts and _has_routing_kernel(task.shape.experts):
        graph.kept[activations] = routing
    products = _each(layer, "ffn_down_exps", _inner(layer, activations, chosen), chosen)
    result = like("MUL", products, shares)
    graph.expand(result)
    total = _summed(graph, result, used)
    if task.rules.fused_experts and 1 < used <= _MOST_FUSED:
        graph.kept[total] = (products, shares)
    return total


def _has_routing_kernel(experts: int) -> bool:
    return experts in _ODD_COUNTS or (experts <= _MOST_ROUTED and experts & (experts - 1) == 0)


def _summed(graph: Graph, result: Node, used: int) -> Node:
    """Add up what the experts of each token say."""
    width, _, tokens, _ = result.extent
    step = result.strides[2]
    parts = [
        view("VIEW", result, (width, tokens, 1, 1), (result.strides[0], step, step * tokens, step * tokens))
        for _ in range(used)
    ]
    for part in parts:
        graph.expand(part)
    total = parts[0]
    for part in parts[1:]:
        total = like("ADD", total, part)
        graph.expand(total)
    return total if used > 1 else op("CONT", total.extent, total)


def _routed(task: Task, layer: Layer, activations: Node) -> tuple[Node, Node, tuple[Node, ...]]:
    """Return the chosen experts of each token, how much each counts, and all nodes that it took to choose."""
    tokens, used, experts = activations.extent[1], task.shape.experts_used, task.shape.experts
    logits = layer.product("ffn_gate_inp", activations)
    probabilities = like("SOFT_MAX", logits)
    column = reshape(probabilities, 1, experts, tokens)
    order = op("ARGSORT", probabilities.extent, probabilities, type_="I32")
    chosen = view("VIEW", order, (used, tokens, 1, 1), order.strides)
    shares = op("GET_ROWS", (1, used, tokens, 1), column, chosen)
    routing: tuple[Node, ...] = (logits, probabilities, column, order, chosen, shares)
    if task.traits.normed_experts:
        flat = reshape(shares, used, tokens)
        total = op("SUM_ROWS", (1, tokens, 1, 1), flat)
        clamped = like("CLAMP", total)
        parts = like("DIV", flat, clamped)
        shares = reshape(parts, 1, used, tokens)
        routing += (flat, total, clamped, parts, shares)
    return chosen, shares, routing


def _inner(layer: Layer, activations: Node, chosen: Node) -> Node:
    if "ffn_gate_up_exps.weight" in layer:
        both = _each(layer, "ffn_gate_up_exps", activations, chosen)
        half = (both.extent[0] // 2, *both.extent[1:])
        return op("GLU", half, view("VIEW", both, half, both.strides), view("VIEW", both, half, both.strides))
    up = _each(layer, "ffn_up_exps", activations, chosen)
    if "ffn_gate_exps.weight" in layer:
        return op("GLU", up.extent, _each(layer, "ffn_gate_exps", activations, chosen), up)
    return like("UNARY", up)


def _each(layer: Layer, name: str, activations: Node, chosen: Node) -> Node:
    """Multiply with the weight of each chosen expert."""
    weights = layer.weight(f"{name}.weight")
    extent = (weights.extent[1], chosen.extent[0], chosen.extent[1], 1)
    result = op("MUL_MAT_ID", extent, weights, activations, chosen)
    if f"{name}.bias" in layer:
        result = op("ADD_ID", extent, result, layer.weight(f"{name}.bias"), chosen)
    return result
