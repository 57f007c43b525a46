from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.vram.gguf import parse_header
from aisuite.vram.gguf_cursor import GgufInvalid
from aisuite.vram.model import ModelShape
from aisuite.vram.shape import KNOWN, NotPlannable, shape_of
from tests.fakes.gguf_writer import Gguf, Typed, reader, transformer

U64 = 10


def shape(model: Gguf) -> ModelShape:
    content = model.file()
    return shape_of(parse_header(reader(content), len(content)))


def refused(model: Gguf) -> str:
    with pytest.raises(NotPlannable) as caught:
        shape(model)
    return str(caught.value)


def test_a_plain_model_has_the_shape_that_its_keys_say() -> None:
    tiny = shape(transformer())
    assert (tiny.architecture, tiny.name, tiny.layers, tiny.embedding) == ("llama", "tiny", 2, 64)
    assert (tiny.heads, tiny.kv_heads, tiny.feed_forward) == ((4, 4), (2, 2), (128, 128))
    assert (tiny.key_length, tiny.value_length) == (16, 16)
    assert (tiny.vocabulary, tiny.trained_context, tiny.tied) == (96, 512, True)
    assert (tiny.window, tiny.windowed, tiny.experts, tiny.assumed) == (None, (False, False), 0, ())
    assert tiny.file_bytes == len(transformer().file())


def test_heads_may_have_a_length_of_their_own() -> None:
    tiny = shape(transformer("qwen3", **{"attention.key_length": 128, "attention.value_length": 64}))
    assert (tiny.key_length, tiny.value_length) == (128, 64)


def test_layers_may_differ_in_heads_and_feed_forward() -> None:
    tiny = shape(transformer(**{"attention.head_count_kv": [1, 4], "feed_forward_length": [128, 256]}))
    assert (tiny.kv_heads, tiny.feed_forward) == ((1, 4), (128, 256))


def test_without_kv_heads_every_head_has_its_own_keys() -> None:
    assert shape(transformer(**{"attention.head_count_kv": None})).kv_heads == (4, 4)


def test_an_output_of_its_own_makes_a_model_untied() -> None:
    tiny = transformer()
    assert not shape(replace(tiny, tensors=[*tiny.tensors, ("output.weight", (64, 96), "Q8_0")])).tied


@pytest.mark.parametrize(
    ("architecture", "keys", "window", "full_layers"),
    [
        ("gemma2", {}, 4096, {1, 3, 5, 7, 9, 11}),
        ("gemma2", {"attention.sliding_window": 512}, 512, {1, 3, 5, 7, 9, 11}),
        ("gemma3", {"attention.sliding_window": 1024}, 1024, {5, 11}),
        ("gemma3", {"attention.sliding_window": 1024, "attention.sliding_window_pattern": 4}, 1024, {3, 7, 11}),
        ("gemma3", {"attention.sliding_window": Typed(U64, 1024)}, 1024, {5, 11}),
        ("gpt-oss", {"attention.sliding_window": 128}, 128, {1, 3, 5, 7, 9, 11}),
        ("cohere2", {"attention.sliding_window": 4096}, 4096, {3, 7, 11}),
        ("smallthinker", {"attention.sliding_window": 4096}, 4096, {0, 4, 8}),
    ],
)
def test_each_architecture_has_its_pattern_of_windows(
    architecture: str, keys: dict[str, Any], window: int, full_layers: set[int]
) -> None:
    tiny = shape(transformer(architecture, layers=12, **keys))
    assert tiny.window == window
    assert {layer for layer, windowed in enumerate(tiny.windowed) if not windowed} == full_layers


@pytest.mark.parametrize("architecture", ["phi3", "llama", "qwen2", "mistral3"])
def test_a_window_that_llama_cpp_ignores_is_ignored(architecture: str) -> None:
    tiny = shape(transformer(architecture, **{"attention.sliding_window": 2047}))
    assert (tiny.window, tiny.windowed, tiny.assumed) == (None, (False, False), ())


def test_gemma3_without_a_window_is_full_everywhere() -> None:
    assert not any(shape(transformer("gemma3", layers=12)).windowed)


def test_an_unknown_architecture_is_planned_as_a_plain_one_and_says_so() -> None:
    assert "newmodel" not in KNOWN
    assert "'newmodel' is planned as a plain transformer" in shape(transformer("newmodel")).assumed[0]


def test_an_unknown_pattern_of_windows_is_planned_in_full_and_said() -> None:
    tiny = shape(transformer("newmodel", **{"attention.sliding_window": 512}))
    assert tiny.window is None
    assert "which layers use its sliding window" in tiny.assumed[1]


def test_a_pattern_in_the_header_is_believed() -> None:
    keys = {"attention.sliding_window": 512, "attention.sliding_window_pattern": [True, False]}
    tiny = shape(transformer("newmodel", **keys))
    assert (tiny.window, tiny.windowed) == (512, (True, False))


def test_experts_have_a_feed_forward_of_their_own() -> None:
    keys = {"expert_count": 8, "expert_used_count": 2}
    tiny = shape(transformer("qwen3moe", **keys, expert_feed_forward_length=32))
    assert (tiny.experts, tiny.experts_used, tiny.expert_feed_forward) == (8, 2, 32)
    assert shape(transformer("llama", **keys)).expert_feed_forward == 128
    mixed = transformer("qwen2moe", **keys)
    mixed = replace(mixed, tensors=[*mixed.tensors, ("blk.0.ffn_down_exps.weight", (96, 64, 8), "Q8_0")])
    assert shape(mixed).expert_feed_forward == 96


@pytest.mark.parametrize(
    ("architecture", "keys", "words"),
    [
        ("mamba", {"ssm.state_size": 16}, "recurrent layers"),
        ("rwkv7", {"wkv.head_size": 64}, "recurrent layers"),
        ("lfm2", {"shortconv.l_cache": 3}, "convolution"),
        ("deepseek2", {"attention.kv_lora_rank": 512}, "latent attention"),
        ("gemma3n", {}, "share caches"),
        ("gemma4", {}, "share caches"),
        ("newmodel", {"attention.shared_kv_layers": 4}, "share caches"),
        ("newmodel", {"attention.key_length_swa": 64}, "different sizes"),
        ("t5", {"decoder_block_count": 4}, "an encoder and a decoder"),
        ("dream", {}, "diffusion"),
        ("bert", {"attention.causal": False}, "an encoder"),
        ("qwen3moe", {"nextn_predict_layers": 1}, "further tokens"),
        ("nemotron", {"attention.head_count_kv": [2, 0]}, "no attention"),
    ],
)
def test_a_model_unlike_a_transformer_is_refused_in_words(architecture: str, keys: dict[str, Any], words: str) -> None:
    message = refused(transformer(architecture, **keys))
    assert message.startswith("cannot be planned: ")
    assert words in message


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"block_count": None}, "'llama.block_count' is missing"),
        ({"block_count": 0}, "'llama.block_count' cannot be 0"),
        ({"block_count": 3}, "tensors of 2 layers"),
        ({"block_count": 2**31}, "cannot be 2147483648"),
        ({"block_count": "two"}, "cannot be two"),
        ({"embedding_length": 65}, "embedding_length is 65"),
        ({"attention.head_count": None}, "'llama.attention.head_count' is missing"),
        ({"attention.head_count": 0}, "no attention"),
        ({"attention.head_count": [4, 4, 4]}, "cannot be (4, 4, 4)"),
        ({"attention.head_count": 128}, "have no keys"),
        ({"attention.key_length": -1.5}, "cannot be -1.5"),
        ({"context_length": None}, "'llama.context_length' is missing"),
        ({"expert_count": 10**6}, "cannot be 1000000"),
    ],
)
def test_a_header_without_what_it_needs_names_the_key(keys: dict[str, Any], words: str) -> None:
    assert words in refused(transformer(**keys))


def test_a_later_part_alone_is_no_model() -> None:
    tiny = transformer()
    assert "'token_embd.weight' is missing" in refused(replace(tiny, tensors=tiny.tensors[1:]))
    assert "'general.architecture' is missing" in refused(Gguf({}))


HEADER = transformer("gemma3", **{"attention.sliding_window": 64}).header()


@given(st.lists(st.tuples(st.integers(0, len(HEADER) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_model_has_a_shape_that_makes_sense_or_is_refused(damage: list[tuple[int, int]]) -> None:
    content = bytearray(transformer("gemma3", **{"attention.sliding_window": 64}).file())
    for place, byte in damage:
        content[place] = byte
    with suppress(GgufInvalid, NotPlannable):
        found = shape_of(parse_header(reader(bytes(content)), len(content)))
        lengths = {len(one) for one in (found.heads, found.kv_heads, found.feed_forward, found.windowed)}
        assert lengths == {found.layers}
        assert min(*found.heads, *found.kv_heads, found.key_length, found.value_length, found.embedding) > 0
