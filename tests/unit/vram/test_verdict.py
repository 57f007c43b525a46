"""What a server takes of its card, against its share of the plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aisuite.vram.model import Memory, ModelShape, Overhead, Parts, ServerFlags, Share
from aisuite.vram.readback import Buffer, InForce, compare
from aisuite.vram.verdict import CardUse, Holds, Planned, compare_buffers, learnt_overhead, split_of

MIB = 2**20
GIVEN = Parts(model=1834 * MIB, kv=36 * MIB, compute=20 * MIB)
SHAPE = ModelShape(
    architecture="qwen2",
    name="chat",
    layers=36,
    embedding=2048,
    feed_forward=(11008,) * 36,
    heads=(16,) * 36,
    kv_heads=(2,) * 36,
    key_length=128,
    value_length=128,
    vocabulary=151936,
    trained_context=32768,
    window=None,
    windowed=(False,) * 36,
    experts=0,
    experts_used=0,
    expert_feed_forward=0,
    tensors=(),
    file_bytes=0,
)
SHARE = Share(
    model="chat",
    shape=SHAPE,
    flags=ServerFlags(context=1024),
    memory=Memory(GIVEN, Parts()),
    overhead=Overhead(99 * MIB, "45 MiB + 2.7 MiB per SM, 20 SMs"),
    why="all layers",
)
PLANNED = Planned.of(SHARE)
FOUND = InForce(
    buffers=(
        Buffer("CUDA0", "model", 1834 * MIB),
        Buffer("CUDA0", "kv", 36 * MIB),
        Buffer("CUDA0", "compute", 20 * MIB),
        Buffer("CUDA_Host", "compute", 4 * MIB),
    )
)
FREE = 5900 * MIB


def use(taken: int, **more: int) -> CardUse:
    return CardUse(FREE, FREE - taken * MIB, **more)


def test_a_server_that_takes_what_was_planned_is_within_tolerance() -> None:
    split = split_of("inference-chat", PLANNED, FOUND, use(1996))
    assert (split.holds, split.why) == (Holds.WITHIN, "+7 MiB against the plan")
    assert (split.planned, split.measured) == (1989 * MIB, 1996 * MIB)
    assert split.overhead == 106 * MIB


@pytest.mark.parametrize(("taken", "holds"), [(1891, Holds.WITHIN), (2080, Holds.WITHIN), (2095, Holds.OVER)])
def test_an_estimated_overhead_is_given_more_room(taken: int, holds: Holds) -> None:
    assert split_of("inference-chat", PLANNED, FOUND, use(taken)).holds is holds


def test_a_server_that_is_not_all_on_the_card_is_under_its_plan() -> None:
    half = InForce(buffers=(Buffer("CUDA0", "model", 900 * MIB),))
    assert split_of("inference-chat", PLANNED, half, use(1006)).holds is Holds.UNDER


def test_a_measured_overhead_is_given_less_room() -> None:
    calibrated = Planned.of(replace(SHARE, overhead=Overhead(99 * MIB, "measured here", measured=True)))
    assert split_of("inference-chat", calibrated, FOUND, use(2080)).holds is Holds.OVER


def test_what_another_process_took_meanwhile_is_not_held_against_the_server() -> None:
    split = split_of("inference-chat", PLANNED, FOUND, use(2996, others=1000 * MIB))
    assert (split.holds, split.measured) == (Holds.WITHIN, 1996 * MIB)


def test_the_drivers_own_figure_for_the_process_counts_more_than_the_cards() -> None:
    split = split_of("inference-chat", PLANNED, FOUND, use(4000, own=1996 * MIB))
    assert (split.holds, split.measured) == (Holds.WITHIN, 1996 * MIB)


def test_a_server_over_its_share_whose_buffers_are_as_planned_is_not_blamed_alone() -> None:
    split = split_of("inference-chat", PLANNED, FOUND, use(2996))
    assert split.holds is Holds.OVER
    assert "another process may have taken it" in split.why


def test_a_server_that_allocated_too_much_is_blamed() -> None:
    big = InForce(buffers=(Buffer("CUDA0", "model", 2900 * MIB),))
    split = split_of("inference-chat", PLANNED, big, use(2996))
    assert split.holds is Holds.OVER
    assert "another" not in split.why


@pytest.mark.parametrize(
    ("planned", "seen", "why"),
    [
        (PLANNED, CardUse(None, None), "no card was looked at"),
        (PLANNED, CardUse(FREE, None), "no card was looked at"),
        (None, use(1996), "nothing was planned for it"),
        (PLANNED, use(1000), "another process gave memory back"),
    ],
)
def test_what_cannot_be_told_is_not_measurable_and_never_a_pass(
    planned: Planned | None, seen: CardUse, why: str
) -> None:
    split = split_of("inference-chat", planned, FOUND, seen)
    assert split.holds is Holds.NOT_MEASURABLE
    assert why in split.why


def test_buffers_of_the_planned_size_are_no_difference() -> None:
    assert compare_buffers(PLANNED, FOUND) == ()
    assert compare_buffers(PLANNED, InForce()) == ()


def test_a_server_that_runs_on_the_cpu_is_told_once_not_buffer_by_buffer() -> None:
    on_cpu = InForce(buffers=(Buffer("CPU_Mapped", "model", 1834 * MIB),))
    assert compare_buffers(PLANNED, on_cpu) == ()
    assert [one.what for one in compare(SHARE.flags, on_cpu)] == ["layers on the card"]


@pytest.mark.parametrize(
    ("kind", "size", "says"),
    [
        ("model", 1836, "weights on the card: 1834.00 MiB asked for, 1836.00 MiB in force"),
        ("kv", 72, "KV cache on the card: 36.00 MiB asked for, 72.00 MiB in force"),
        ("compute", 78, "compute buffer on the card: 20.00 MiB asked for, 78.00 MiB in force"),
    ],
)
def test_a_buffer_of_another_size_is_named(kind: str, size: int, says: str) -> None:
    others = tuple(one for one in FOUND.buffers if (one.device, one.kind) != ("CUDA0", kind))
    changed = replace(FOUND, buffers=(*others, Buffer("CUDA0", kind, size * MIB)))  # type: ignore[arg-type]
    assert [str(one) for one in compare_buffers(PLANNED, changed)] == [says]


def test_the_overhead_that_is_learnt_is_the_most_that_was_measured() -> None:
    splits = tuple(split_of("inference-chat", PLANNED, FOUND, use(taken)) for taken in (1996, 2001))
    learnt = learnt_overhead(splits, "2026-11-21")
    assert learnt == Overhead(111 * MIB, "measured here on 2026-11-21", measured=True)


@pytest.mark.parametrize("taken", [1890, 1891, 5800])
def test_an_overhead_that_no_context_can_cost_is_not_learnt(taken: int) -> None:
    assert learnt_overhead((split_of("inference-chat", PLANNED, FOUND, use(taken)),), "2026-11-21") is None
