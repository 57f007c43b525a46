"""Estimates: the buffers that llama.cpp itself allocated, and laws that hold for every server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from benchmarks.vram import flags_of_row
from hypothesis import given, settings
from hypothesis import strategies as st

from aisuite.vram.compute import ComputeBuffers
from aisuite.vram.decoder import Task, decoder_graph
from aisuite.vram.estimate import estimate
from aisuite.vram.graph_splits import scheduled
from aisuite.vram.kv import context_of
from aisuite.vram.model import ALL_LAYERS, Memory, ModelShape, ServerFlags
from aisuite.vram.rules import MID, NEW, OLD, RULES, Rules
from aisuite.vram.segments import Walk, cut
from aisuite.vram.weights import Weights, split_of
from tests.fakes.known_models import RULES_OF_ROWS, allocations, known_models

MIB = 1 << 20
ROUNDED = 0.011  # the rows have two to four decimals
MODELS = known_models()
SERVER = ServerFlags(context=1024, batch=128, ubatch=128)


def of(model: str, flags: ServerFlags = SERVER, rules: object = NEW) -> Memory:
    assert rules in RULES
    return estimate(MODELS[model], flags, rules)  # type: ignore[arg-type]


def name_of(row: Mapping[str, str]) -> str:
    return "-".join(row[key] for key in ("build", "model", "ngl", "ctx", "ubatch", "parallel", "fa", "ctk", "outputs"))


@pytest.mark.parametrize("row", allocations(), ids=name_of)
def test_every_buffer_is_what_llama_cpp_allocates(row: dict[str, str]) -> None:
    memory = estimate(MODELS[row["model"]], flags_of_row(row), RULES_OF_ROWS[row["build"]])
    estimated = {
        "dev_model_MiB": memory.device.model,
        "dev_kv_MiB": memory.device.kv,
        "dev_compute_MiB": memory.device.compute,
        "host_model_MiB": memory.host.model,
        "host_kv_MiB": memory.host.kv,
        "host_compute_MiB": memory.host.compute,
        "output_MiB": memory.host.output,
    }
    for part, size in estimated.items():
        assert size / MIB == pytest.approx(float(row[part]), abs=ROUNDED), part


def test_the_old_stack_took_5161_mib_of_buffers() -> None:
    chat = of("qwen2.5-3b", SERVER, OLD)
    code = of("qwen2.5-coder-7b", replace(SERVER, gpu_layers=20), OLD)
    assert (chat.device.total + code.device.total) / MIB == pytest.approx(5161.0, abs=0.05)


def test_without_layers_on_the_card_only_work_is_done_there() -> None:
    device = of("mistral-7b", replace(SERVER, gpu_layers=0)).device
    assert (device.model, device.kv) == (0, 0)
    assert device.compute > 0


def test_a_small_batch_leaves_the_card_alone_when_no_layer_is_there() -> None:
    assert of("mistral-7b", replace(SERVER, ubatch=16, gpu_layers=0)).device.total == 0


def test_a_cache_kept_in_ram_takes_nothing_of_the_card() -> None:
    memory = of("qwen3-4b", replace(SERVER, kv_offload=False))
    assert memory.device.kv == 0
    assert memory.host.kv == of("qwen3-4b").device.kv


def test_a_window_bounds_the_cache_of_its_layers() -> None:
    sliding, full = (of("gemma-3-4b", replace(SERVER, context=32768, swa_full=whole)) for whole in (False, True))
    assert sliding.device.kv < full.device.kv / 3


def test_an_embedding_server_has_an_output_for_each_token() -> None:
    embedding = of("qwen2.5-0.5b", replace(SERVER, embedding=True)).device.compute
    assert embedding - of("qwen2.5-0.5b").device.compute > 40 * MIB
    assert embedding == of("qwen2.5-0.5b", replace(SERVER, every_output=True)).device.compute


@settings(max_examples=25, deadline=None)
@given(
    model=st.sampled_from(sorted(MODELS)),
    rules=st.sampled_from((OLD, MID, NEW)),
    context=st.integers(1, 40_000),
    ubatch=st.sampled_from((1, 16, 31, 32, 100, 512)),
    parallel=st.integers(1, 5),
    unified=st.booleans(),
    kv=st.sampled_from(("f16", "f32", "q8_0", "q4_0", "iq4_nl")),
    flash=st.sampled_from(("auto", "on", "off")),
    offload=st.booleans(),
)
def test_more_layers_never_leave_less_on_the_card(
    model: str,
    rules: object,
    context: int,
    ubatch: int,
    parallel: int,
    unified: bool,
    kv: str,
    flash: str,
    offload: bool,
) -> None:
    flags = ServerFlags(
        context, 512, ubatch, parallel, kv_k=kv, kv_v=kv, flash_attention=flash,
        kv_unified=unified, kv_offload=offload,
    )  # type: ignore[arg-type]  # fmt: skip
    layers = MODELS[model].layers
    whole = of(model, replace(flags, gpu_layers=ALL_LAYERS), rules)
    before = 0
    for gpu_layers in (0, 1, 2, layers // 2, layers, layers + 1):
        memory = of(model, replace(flags, gpu_layers=gpu_layers), rules)
        assert memory.device.model + memory.device.kv >= before
        before = memory.device.model + memory.device.kv
        assert min(memory.device.compute, memory.host.model, memory.host.compute, memory.host.output) >= 0
    assert memory == whole


@settings(max_examples=25, deadline=None)
@given(model=st.sampled_from(sorted(MODELS)), context=st.integers(256, 60_000), layers=st.integers(0, 40))
def test_more_context_never_takes_a_smaller_cache(model: str, context: int, layers: int) -> None:
    flags = replace(SERVER, context=context, gpu_layers=layers)
    less, more = of(model, flags), of(model, replace(flags, context=context + 256))
    assert less.device.kv <= more.device.kv
    assert less.host.kv <= more.host.kv


@settings(max_examples=10, deadline=None)
@given(model=st.sampled_from(sorted(MODELS)), order=st.permutations([0, 1, 5, 9, 17, ALL_LAYERS]))
def test_what_was_asked_before_changes_no_answer(model: str, order: list[int]) -> None:
    fresh = replace(MODELS[model])
    for layers in order:
        flags = replace(SERVER, gpu_layers=layers)
        assert estimate(fresh, flags, MID) == estimate(MODELS[model], flags, MID)


@settings(max_examples=40, deadline=None)
@given(
    model=st.sampled_from(sorted(MODELS)),
    rules=st.sampled_from((OLD, MID, NEW)),
    layers=st.integers(1, 14),
    gpu_layers=st.integers(0, 15),
    context=st.sampled_from((256, 1024, 6000)),
    ubatch=st.sampled_from((1, 16, 32, 512)),
    parallel=st.integers(1, 3),
    kv=st.sampled_from(("f16", "f32", "q8_0", "iq4_nl")),
    flash=st.sampled_from(("auto", "off")),
    offload=st.booleans(),
)
def test_layers_that_were_seen_once_need_not_be_followed_again(
    model: str, rules: Rules, layers: int, gpu_layers: int, context: int,
    ubatch: int, parallel: int, kv: str, flash: str, offload: bool,
) -> None:  # fmt: skip
    shape = shortened(MODELS[model], layers)
    layers = shape.layers
    flags = ServerFlags(
        context, 512, ubatch, parallel, kv_k=kv, kv_v=kv, flash_attention=flash, kv_offload=offload
    )  # type: ignore[arg-type]  # fmt: skip
    task = Task(shape, flags, context_of(shape, flags, rules), rules, Weights(shape))
    split = split_of(shape, gpu_layers, rules)
    graph, _ = decoder_graph(task, [(layer, split.home(layer)) for layer in range(layers)], split)
    inputs = [leaf for leaf in graph.leafs if leaf.is_input]
    followed = Walk().high_water(cut(inputs, scheduled(graph), [], trims_reused=rules.trims_reused))
    assert ComputeBuffers(task).of(split) == followed


@pytest.mark.parametrize(
    "name", ["attn_norm", "attn_q.", "attn_output", "ffn_up", "ffn_down", "ffn_gate.", "output_norm"]
)
def test_a_model_without_a_usual_tensor_is_planned_by_those_it_has(name: str) -> None:
    whole = MODELS["qwen2.5-0.5b"]
    odd = replace(whole, tensors=tuple(tensor for tensor in whole.tensors if name not in tensor.name))
    for layers in (0, 9, ALL_LAYERS):
        flags = replace(SERVER, gpu_layers=layers)
        assert estimate(odd, flags, NEW).host.model < estimate(whole, flags, NEW).host.model + 1
        assert estimate(odd, flags, NEW).device.compute > 0


def shortened(shape: ModelShape, layers: int) -> ModelShape:
    layers = min(layers, shape.layers)
    kept = tuple(
        tensor
        for tensor in shape.tensors
        if not tensor.name.startswith("blk.") or int(tensor.name.split(".")[1]) < layers
    )
    return replace(
        shape,
        layers=layers,
        tensors=kept,
        **{name: getattr(shape, name)[:layers] for name in ("feed_forward", "heads", "kv_heads", "windowed")},
    )
