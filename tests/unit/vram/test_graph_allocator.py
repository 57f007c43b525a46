"""The allocator: best fit, results in place of their sources, and memory that nobody reads any more."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from aisuite.vram.graph import DEVICE, HOST, Graph, Node, graph_input, like, matmul, op, reshape, weight
from aisuite.vram.graph_allocator import EMPTY, Heap, Lifetimes, What
from aisuite.vram.graph_splits import scheduled
from aisuite.vram.segments import Walk, cut
from tests.fakes.known_models import tensor

TAKE, MOVE, GIVE = What


def most_in_use(*results: Node) -> tuple[int, int]:
    graph = Graph()
    for node in results:
        graph.expand(node)
    inputs = [leaf for leaf in graph.leafs if leaf.is_input]
    return Walk().high_water(cut(inputs, scheduled(graph), [], trims_reused=True))


def events_of(*nodes: Node) -> list[What]:
    lifetimes = Lifetimes([(node, DEVICE) for node in nodes], trims_reused=True)
    for node in nodes:
        lifetimes.compute(node, DEVICE)
    return [event.what for event in lifetimes.events]


def result(size: int, *sources: Node) -> Node:
    return op("MUL_MAT", (size // 4, 1, 1, 1), *sources)


def test_the_smallest_free_block_that_is_large_enough_is_taken() -> None:
    heap = Heap()
    large, _, small, _ = heap.take(1024), heap.take(128), heap.take(512), heap.take(128)
    heap.give(large, 1024)
    heap.give(small, 512)
    assert heap.take(384) == small
    assert heap.take(640) == large


def test_freed_neighbours_become_one_block() -> None:
    heap = Heap()
    blocks = [heap.take(256) for _ in range(3)]
    for block in (blocks[0], blocks[2], blocks[1]):
        heap.give(block, 256)
    assert heap.free == EMPTY
    assert heap.high_water == 768


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), max_size=60))
def test_blocks_never_overlap_and_all_come_back(steps: Sequence[tuple[int, bool]]) -> None:
    heap = Heap()
    used: list[tuple[int, int]] = []
    for units, frees in steps:
        if frees and used:
            heap.give(*used.pop(units % len(used)))
        else:
            used.append((heap.take(units * 128), units * 128))
        in_order = sorted(used)
        assert all(a + size <= b for (a, size), (b, _) in pairwise(in_order))
    for block in used:
        heap.give(*block)
    assert heap.free == EMPTY


def test_an_addition_is_done_where_its_first_operand_lies() -> None:
    first = result(1024)
    assert events_of(first, like("ADD", first)) == [TAKE, MOVE]


def test_nothing_is_done_in_place_of_what_is_read_again() -> None:
    first = result(1024)
    total = like("ADD", first)
    assert events_of(first, total, like("ADD", total, first)) == [TAKE, TAKE, MOVE, GIVE]


def test_nothing_is_done_in_place_of_a_view() -> None:
    first = result(1024)
    flat = reshape(first, 16, 16)
    assert events_of(first, flat, like("ADD", flat)) == [TAKE, TAKE, GIVE]


def test_an_output_of_the_graph_is_never_freed() -> None:
    first = result(1024)
    first.is_output = True
    assert events_of(first, result(256, first), result(256)) == [TAKE, TAKE, TAKE]


def test_weights_in_ram_are_copied_to_the_card_one_at_a_time() -> None:
    tokens = graph_input("tokens", "F32", 256, 64)
    first = matmul(weight(tensor("first", "F32", 256, 256), HOST), tokens)
    second = matmul(weight(tensor("second", "F32", 256, 256), HOST), first)
    device, host = most_in_use(second)
    copy, activations = 256 * 256 * 4, 256 * 64 * 4
    assert device == activations + copy + activations
    assert host == activations


def test_a_small_batch_is_computed_where_the_weights_are() -> None:
    tokens = graph_input("tokens", "F32", 256, 8)
    assert most_in_use(matmul(weight(tensor("first", "F32", 256, 256), HOST), tokens)) == (0, 2 * 256 * 8 * 4)


def test_quantised_rows_are_padded_on_the_card() -> None:
    node = Node("NONE", "Q8_0", (128, 3, 1, 1))
    assert node.size(HOST) == 3 * 136 + 8
    assert node.size(DEVICE) == -(-(3 * 136 + 12 * 34) // 128) * 128
