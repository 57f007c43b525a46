"""The graph that llama.cpp reserves memory for: one batch through a decoder (llama-graph.cpp, src/models/)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.vram.attention import Attention
from aisuite.vram.feed_forward import feed_forward
from aisuite.vram.graph import HOST, Graph, Node, graph_input, like, matmul, op, weight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.vram.kv import Context
    from aisuite.vram.model import ModelShape, ServerFlags, Tensor
    from aisuite.vram.rules import Rules
    from aisuite.vram.weights import Split, Weights

_OFFLOAD_ROWS = 32


@dataclass(frozen=True, slots=True)
class Traits:
    """What a family of models does beside what its tensors show."""

    scaled_input: bool = False
    scaled_query: bool = False
    residual_first: bool = False  # the residual is the first operand of a layer's last addition
    scaled_rows: bool = False  # where batches may be mixed, the input is scaled row by row
    normed_experts: bool = True  # the weights of the chosen experts add up to one


_TRAITS = {
    "gemma": Traits(scaled_input=True, scaled_query=True),
    "gemma2": Traits(scaled_input=True, scaled_query=True),
    "gemma3": Traits(scaled_input=True, scaled_query=True, scaled_rows=True),
    "phi3": Traits(scaled_query=True, residual_first=True),
    "qwen2moe": Traits(normed_experts=False),
}


@dataclass(frozen=True, slots=True)
class Task:
    """All that decides a graph, except which layers are where."""

    shape: ModelShape
    flags: ServerFlags
    context: Context
    rules: Rules
    weights: Weights

    @property
    def traits(self) -> Traits:
        """What this family does."""
        return _TRAITS.get(self.shape.architecture, Traits())

    @property
    def tokens(self) -> int:
        """Tokens of the reserved batch: as many of each sequence."""
        sequences = self.context.sequences
        return -(-self.context.ubatch // sequences) * sequences

    @property
    def outputs(self) -> int:
        """Tokens of the batch whose logits are wanted."""
        flags = self.flags
        if flags.every_output or flags.embedding or not self.rules.outputs_per_slot:
            return self.context.ubatch
        return min(self.context.ubatch, max(1, flags.parallel))


class Layer:
    """One layer while its part of the graph is built: its tensors, where they lie."""

    def __init__(self, task: Task, index: int, home: int, *, pinned: bool) -> None:
        self.index = index
        self.home = home
        self.windowed = task.shape.windowed[index]
        self._tensors = task.weights.layers[index]
        self._pinned = pinned

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def weight(self, name: str) -> Node:
        """Return a tensor of this layer."""
        return weight(self._tensors[name], self.home)

    def product(self, name: str, activations: Node) -> Node:
        """Multiply with a weight, and add its bias if it has one."""
        result = matmul(self.weight(f"{name}.weight"), activations)
        if f"{name}.bias" in self._tensors:
            result = like("ADD", result, self.weight(f"{name}.bias"))
        return result

    def norm(self, name: str, activations: Node, *, pinned: bool = True) -> Node:
        """Normalise, where the layer has such a norm."""
        if f"{name}.weight" not in self._tensors:
            return activations
        home = self.home if self._pinned and pinned else None
        bias = self._tensors.get(f"{name}.bias")
        return norm(activations, self._tensors[f"{name}.weight"], bias, weights_home=self.home, home=home)


def norm(activations: Node, scale: Tensor, bias: Tensor | None, *, weights_home: int, home: int | None) -> Node:
    """Normalise rows; with a bias it is the classic norm, which never works in place."""
    result = like("RMS_NORM" if bias is None else "NORM", activations)
    result.forced = home
    result = like("MUL", result, weight(scale, weights_home))
    return result if bias is None else like("ADD", result, weight(bias, weights_home))


def decoder_graph(task: Task, layers: Sequence[tuple[int, int]], split: Split) -> tuple[Graph, list[Node]]:
    """Return the graph of some layers, each with the place it is in, and the nodes that end the parts of it.

    The last layer given is the model's last. Parts are: what is before the layers, each layer, what is behind them.
    """
    graph = Graph()
    current = _embedded(task, graph)
    graph.expand(current)
    ends = [current]
    attention = Attention(task, graph)
    chosen = graph_input("outputs", "I32", task.outputs)
    # llama.cpp holds norms on their layer's device where batches are small or all layers are on the card.
    pinned = task.tokens < _OFFLOAD_ROWS or split.is_whole
    for position, (index, home) in enumerate(layers):
        layer = Layer(task, index, home, pinned=pinned)
        wanted = chosen if position == len(layers) - 1 else None
        current = _layer(task, graph, attention, layer, current, wanted)
        ends.append(current)
    _logits(task, graph, current, split.output)
    return graph, ends


def _embedded(task: Task, graph: Graph) -> Node:
    tokens, width = task.tokens, task.shape.embedding
    table = weight(task.weights.input["token_embd.weight"], HOST)
    current = op("GET_ROWS", (width, tokens, 1, 1), table, graph_input("tokens", "I32", tokens))
    graph.expand(current)
    if task.rules.embedding_paths > 2:
        mixed = op("GET_ROWS", (width, tokens, 1, 1), table, graph_input("mixed tokens", "I32", tokens))
        graph.expand(mixed)
    if task.rules.embedding_paths > 1:
        graph.expand(graph_input("embeddings", "F32", width, tokens))
    if task.rules.embedding_paths > 2:
        rows = like("DUP", graph_input("mixed embeddings", "F32", width, tokens))
        written = Node("SET_ROWS", "F32", rows.extent, (mixed, graph_input("mixed rows", "I64", tokens), rows))
        written.root = rows
        graph.expand(written)
    if task.traits.scaled_rows and task.rules.embedding_paths > 2:
        return like("MUL", current, graph_input("scales", "F32", 1, tokens))
    return like("SCALE", current) if task.traits.scaled_input else current


def _layer(task: Task, graph: Graph, attention: Attention, layer: Layer, current: Node, wanted: Node | None) -> Node:
    residual = current
    current = attention.attend(layer, layer.norm("attn_norm", current))
    if wanted is not None:
        extent = (task.shape.embedding, wanted.extent[0], 1, 1)
        current, residual = op("GET_ROWS", extent, current, wanted), op("GET_ROWS", extent, residual, wanted)
    current = layer.norm("post_attention_norm", current)
    residual = like("ADD", current, residual)
    current = feed_forward(task, graph, layer, layer.norm("ffn_norm", residual))
    current = layer.norm("post_ffw_norm", current, pinned=False)
    current = like("ADD", residual, current) if task.traits.residual_first else like("ADD", current, residual)
    graph.expand(current)
    return current


def _logits(task: Task, graph: Graph, current: Node, home: int) -> None:
    tensors = task.weights.output
    if "output_norm.weight" in tensors:
        scale, bias = tensors["output_norm.weight"], tensors.get("output_norm.bias")
        current = norm(current, scale, bias, weights_home=home, home=None)
    current.is_output = True
    logits = matmul(weight(task.weights.output_weight, home), current)
    if "output.bias" in tensors:
        logits = like("ADD", logits, weight(tensors["output.bias"], home))
    logits.is_output = True
    graph.expand(logits)
