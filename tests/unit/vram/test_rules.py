"""Rules: which build plans by which, and what is said where nobody measured."""

from __future__ import annotations

import pytest

from aisuite.vram.kv import context_of
from aisuite.vram.model import LlamaBuild, ServerFlags
from aisuite.vram.rules import MID, NEW, OLD, RULES, Rules, rules_of
from aisuite.vram.weights import split_of
from tests.fakes.known_models import known_models

SHAPE = known_models()["qwen2.5-3b"]


@pytest.mark.parametrize(("number", "rules"), [(6100, OLD), (9713, MID), (11669, NEW)])
def test_a_measured_build_has_its_rules_and_no_note(number: int, rules: Rules) -> None:
    assert rules_of(LlamaBuild(number, f"b{number}")) == (rules, None)


def test_a_newer_build_is_planned_with_the_newest_rules_and_says_so() -> None:
    rules, note = rules_of(LlamaBuild(99999, "b99999"))
    assert rules is NEW
    assert note == "b99999 is newer than the newest rules: planned with those of llama.cpp 0.7 (b11669)"


def test_an_unknown_build_is_planned_with_the_newest_rules_and_says_so() -> None:
    rules, note = rules_of(LlamaBuild(None, "somebody's own"))
    assert rules is NEW
    assert note is not None
    assert "somebody's own" in note


def test_a_build_between_the_measured_ones_says_so() -> None:
    rules, note = rules_of(LlamaBuild(8000, "b8000"))
    assert rules.output_is_a_layer
    assert not rules.outputs_per_slot
    assert note is not None
    assert "b8000" in note


def test_every_rule_set_begins_later_than_the_one_before() -> None:
    assert [one.since for one in RULES] == sorted({one.since for one in RULES})


def test_the_output_is_the_first_layer_to_go_to_the_card() -> None:
    assert (split_of(SHAPE, 1, NEW).first, split_of(SHAPE, 1, NEW).output) == (36, 0)
    assert (split_of(SHAPE, 1, OLD).first, split_of(SHAPE, 1, OLD).output) == (35, 1)
    assert split_of(SHAPE, 37, NEW).is_whole
    assert split_of(SHAPE, 37, OLD).is_whole
    assert not split_of(SHAPE, 36, OLD).is_whole


@pytest.mark.parametrize(
    ("flags", "tokens", "cells", "streams"),
    [
        (ServerFlags(1000), 1024, 1024, 1),
        (ServerFlags(0), 32768, 32768, 1),
        (ServerFlags(4096, parallel=4), 4096, 1024, 4),
        (ServerFlags(4096, parallel=4, kv_unified=True), 4096, 4096, 1),
        (ServerFlags(1000, parallel=3), 1536, 512, 3),
    ],
)
def test_the_context_is_cut_into_slots_of_whole_pages(
    flags: ServerFlags, tokens: int, cells: int, streams: int
) -> None:
    context = context_of(SHAPE, flags, NEW)
    assert (context.tokens, context.cells, context.streams) == (tokens, cells, streams)


def test_flash_attention_is_on_where_the_card_has_a_kernel() -> None:
    assert context_of(SHAPE, ServerFlags(1024), NEW).flash
    assert not context_of(SHAPE, ServerFlags(1024, kv_k="iq4_nl", kv_v="iq4_nl"), NEW).flash
    assert not context_of(SHAPE, ServerFlags(1024), OLD).flash
    assert not context_of(SHAPE, ServerFlags(1024, flash_attention="off"), NEW).flash
