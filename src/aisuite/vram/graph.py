"""A graph of tensors as ggml builds it (ggml.c): shapes, strides, views, and the order in which nodes are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.vram.ggml_types import BY_NAME

if TYPE_CHECKING:
    from aisuite.vram.model import Tensor

Extent = tuple[int, int, int, int]

DEVICE = 0  # ggml's scheduler prefers lower numbers; the CPU is always last
HOST = 1
VIEW_OPS = frozenset({"VIEW", "RESHAPE", "PERMUTE", "TRANSPOSE"})
ALIGNMENT = {DEVICE: 128, HOST: 32}  # ggml-cuda.cu; ggml-impl.h, TENSOR_ALIGNMENT
_ROW_PADDING = 512  # ggml-cuda.cu, MATRIX_ROW_PADDING


class Node:
    """One tensor. `home` is where it lies before the graph runs (weights, caches); None: ggml places it."""

    __slots__ = (
        "_bytes", "_strides", "cpu_only", "extent", "forced", "home", "is_input", "is_output", "is_weight", "name",
        "op", "root", "scratch", "sources", "type", "visited",
    )  # fmt: skip

    def __init__(self, op: str, type_: str, extent: Extent, sources: tuple[Node, ...] = ()) -> None:
        self.op = op
        self.name = ""  # of what more than one layer reads
        self.type = type_
        self.extent = extent
        self.sources = sources
        self.root: Node | None = None  # of a view: the tensor whose memory it shows
        self.home: int | None = None
        self.forced: int | None = None  # the backend that llama.cpp demands
        self.scratch = 0  # bytes behind the result, on the card
        self.is_weight = self.is_input = self.is_output = self.cpu_only = self.visited = False
        self._strides: Extent | None = None
        self._bytes: int | None = None

    @property
    def strides(self) -> Extent:
        """Bytes from one element of each dimension to the next."""
        if self._strides is None:
            self._strides = contiguous_strides(self.type, self.extent)
        return self._strides

    @strides.setter
    def strides(self, strides: Extent) -> None:
        self._strides = strides

    def size(self, backend: int) -> int:
        """Return what it takes of a buffer."""
        if self._bytes is None:
            self._bytes = data_bytes(self.type, self.extent, self.strides)
        if backend == HOST:
            return aligned(self._bytes, HOST)
        if self.scratch:
            return aligned(aligned(self._bytes, DEVICE) + self.scratch, DEVICE)
        return aligned(self._bytes + row_padding(self.type, self.extent[0]), DEVICE)

    @property
    def rows(self) -> int:
        """All rows of all dimensions."""
        return self.extent[1] * self.extent[2] * self.extent[3]

    @property
    def elements(self) -> int:
        """All elements."""
        return self.extent[0] * self.rows

    @property
    def is_contiguous(self) -> bool:
        """Whether its rows follow each other without gaps."""
        return all(
            stride == expected or length == 1
            for stride, expected, length in zip(
                self.strides, contiguous_strides(self.type, self.extent), self.extent, strict=True
            )
        )


def contiguous_strides(type_: str, extent: Extent) -> Extent:
    """Return the bytes from one element of each dimension to the next."""
    kind = BY_NAME[type_]
    row = extent[0] // kind.block * kind.block_bytes
    return (kind.block_bytes, row, row * extent[1], row * extent[1] * extent[2])


def data_bytes(type_: str, extent: Extent, strides: Extent) -> int:
    """Return the bytes from the first to the last element (ggml_nbytes)."""
    if 0 in extent:
        return 0
    kind = BY_NAME[type_]
    _, rows, planes, cubes = extent
    steps = (rows - 1) * strides[1] + (planes - 1) * strides[2] + (cubes - 1) * strides[3]
    if kind.block == 1:
        return kind.block_bytes + (extent[0] - 1) * strides[0] + steps
    return extent[0] * strides[0] // kind.block + steps


def row_padding(type_: str, row: int) -> int:
    """Return what ggml-cuda adds behind a quantised tensor so that its kernels may read a whole block of rows."""
    kind = BY_NAME[type_]
    if kind.block == 1 or row % _ROW_PADDING == 0:
        return 0
    return kind.row_bytes(_ROW_PADDING - row % _ROW_PADDING)


def aligned(size: int, home: int) -> int:
    """Return what a tensor takes of a buffer."""
    mask = ALIGNMENT[home] - 1
    return (size + mask) & ~mask


class Graph:
    """Nodes in the order of computation, and the leafs: inputs, weights and caches."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.leafs: list[Node] = []
        self.kept: dict[Node, tuple[Node, ...]] = {}  # by the node until which they stay, if it runs on the card

    def expand(self, node: Node) -> None:
        """Append a node behind all that it depends on (ggml_build_forward_expand)."""
        if node.visited:
            return
        node.visited = True
        for source in node.sources:
            self.expand(source)
        (self.nodes if node.op != "NONE" else self.leafs).append(node)


def op(name: str, extent: Extent, *sources: Node, type_: str = "F32") -> Node:
    """Return an operation with a result of its own."""
    return Node(name, type_, extent, sources)


def like(name: str, first: Node, *others: Node) -> Node:
    """Return an operation whose result looks like its first source: additions, norms, activations."""
    return Node(name, first.type, first.extent, (first, *others))


def matmul(weight: Node, activations: Node) -> Node:
    """Return a product: a row of the result per row of the activations."""
    return op("MUL_MAT", (weight.extent[1], *activations.extent[1:]), weight, activations)


def view(name: str, source: Node, extent: Extent, strides: Extent | None = None) -> Node:
    """Return another look at the same memory."""
    node = Node(name, source.type, extent, (source,))
    if strides is not None:
        node.strides = strides
    node.root = source.root or source
    return node


def reshape(source: Node, *extent: int) -> Node:
    """Return a contiguous source in another shape."""
    lengths = (*extent, 1, 1, 1)
    return view("RESHAPE", source, (lengths[0], lengths[1], lengths[2], lengths[3]))


def permute(source: Node, order: tuple[int, int, int, int]) -> Node:
    """Return a source with its dimensions exchanged; `order` says where each goes."""
    extent, strides = [0] * 4, [0] * 4
    for old, new in enumerate(order):
        extent[new], strides[new] = source.extent[old], source.strides[old]
    return view(
        "PERMUTE",
        source,
        (extent[0], extent[1], extent[2], extent[3]),
        (strides[0], strides[1], strides[2], strides[3]),
    )


def graph_input(name: str, type_: str, *extent: int) -> Node:
    """Return what llama.cpp fills in before each run; inputs lie with the CPU."""
    lengths = (*extent, 1, 1, 1)
    node = Node("NONE", type_, (lengths[0], lengths[1], lengths[2], lengths[3]))
    node.name = name
    node.is_input = True
    return node


def weight(tensor: Tensor, home: int) -> Node:
    """Return a tensor of the model."""
    lengths = (*tensor.shape, 1, 1, 1)
    node = Node("NONE", tensor.type, (lengths[0], lengths[1], lengths[2], lengths[3]))
    node.home = home
    node.is_weight = True
    return node


def cache(type_: str, extent: Extent, home: int) -> Node:
    """Return a tensor of the KV cache."""
    node = Node("NONE", type_, extent)
    node.home = home
    return node
