"""What a server tells about itself, and what of it was not asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.vram.model import Parts, ServerFlags
from aisuite.vram.readback import (
    Buffer,
    InForce,
    compare,
    parse_build,
    parse_flags,
    parse_load_log,
    with_answers,
)

MIB = 2**20
ON_A_CARD = """\
0.00.018.927 I load_tensors: loading model tensors, this can take a while... (load_mode = mmap)
0.01.218.927 I load_tensors: offloading output layer to GPU
0.01.218.927 I load_tensors: offloaded 20/29 layers to GPU
0.01.218.931 I load_tensors:        CUDA0 model buffer size =  3065.50 MiB
0.01.218.932 I load_tensors:   CPU_Mapped model buffer size =  1521.25 MiB
0.01.300.001 I llama_context: n_seq_max             = 2
0.01.300.001 I llama_context: n_ctx                 = 4096
0.01.300.001 I llama_context: n_ctx_seq             = 2048
0.01.300.001 I llama_context: n_batch               = 2048
0.01.300.001 I llama_context: n_ubatch              = 512
0.01.300.001 I llama_context: flash_attn            = auto
0.01.300.010 I llama_context:  CUDA_Host  output buffer size =     1.16 MiB
0.01.300.020 I llama_kv_cache:      CUDA0 KV buffer size =    80.75 MiB
0.01.300.021 I llama_kv_cache:        CPU KV buffer size =    38.25 MiB
llama_kv_cache: size = 119.00 MiB (2048 cells, 28 layers, 2/2 seqs), K (q8_0): 59.50 MiB, V (q8_0): 59.50 MiB
0.01.300.030 I resolve_fused_ops: Flash Attention enabled
0.01.300.040 I sched_reserve:      CUDA0 compute buffer size =   304.00 MiB
0.01.300.041 I sched_reserve:  CUDA_Host compute buffer size =    15.01 MiB
""".splitlines()
ASKED = ServerFlags(context=4096, parallel=2, gpu_layers=20, kv_k="q8_0", kv_v="q8_0")
OF_2025 = """\
load_tensors: offloaded 29/29 layers to GPU
load_tensors:        CUDA0 model buffer size =  4168.09 MiB
load_tensors:   CPU_Mapped model buffer size =   292.36 MiB
llama_context: n_ctx_per_seq = 4096
llama_kv_cache_unified:      CUDA0 KV buffer size =   224.00 MiB
llama_kv_cache_unified: size =  224.00 MiB (4096 cells, 28 layers, 1/1 seqs), K (f16):  112.00 MiB, V (f16):  112.00 MiB
llama_context: Flash Attention was auto, set to enabled
llama_context:      CUDA0 compute buffer size =   304.00 MiB
""".splitlines()


def test_the_log_of_a_server_on_a_card_tells_its_buffers() -> None:
    found = parse_load_log(ON_A_CARD)
    assert found.device == Parts(model=round(3065.5 * MIB), kv=round(80.75 * MIB), compute=304 * MIB)
    assert found.host.model == round(1521.25 * MIB)
    assert found.host.compute == round(15.01 * MIB)
    assert (found.offloaded, found.layers) == (20, 29)
    assert (found.context, found.slot_context, found.slots) == (4096, 2048, 2)
    assert (found.kv_k, found.kv_v, found.flash_attention) == ("q8_0", "q8_0", True)
    assert (found.batch, found.ubatch) == (2048, 512)


def test_the_log_of_an_older_server_is_understood() -> None:
    found = parse_load_log(OF_2025)
    assert found.device.total == round(4168.09 * MIB) + 224 * MIB + 304 * MIB
    assert (found.offloaded, found.slot_context, found.flash_attention) == (29, 4096, True)


@pytest.mark.parametrize(
    ("device", "on_card"),
    [
        *(("CUDA0", True), ("CUDA1", True), ("Vulkan0", True), ("ROCm0", True), ("Metal", True)),
        *(("CPU", False), ("CPU_Mapped", False), ("CPU_REPACK", False), ("AMX", False), ("CUDA_Host", False)),
    ],
)
def test_a_buffer_lies_on_a_card_or_in_ram(device: str, on_card: bool) -> None:
    assert Buffer(device, "model", 1).on_card is on_card


def test_a_buffer_that_is_planned_again_replaces_the_first_and_caches_add_up() -> None:
    again = ["sched_reserve:      CUDA0 compute buffer size =   148.00 MiB"]
    windowed = ["llama_kv_cache:      CUDA0 KV buffer size =    10.00 MiB"]
    found = parse_load_log([*ON_A_CARD, *again, *windowed])
    assert found.device.compute == 148 * MIB
    assert found.device.kv == round(90.75 * MIB)


def test_what_was_asked_for_is_no_difference() -> None:
    assert compare(ASKED, parse_load_log(ON_A_CARD)) == ()
    assert compare(ServerFlags(context=4096), parse_load_log(OF_2025)) == ()


def test_a_server_that_fell_back_to_the_cpu_is_told_with_its_own_words() -> None:
    lines = [
        "warning: no usable GPU found, --gpu-layers option will be ignored",
        "load_tensors:   CPU_Mapped model buffer size =  4460.00 MiB",
    ]
    (only,) = compare(ServerFlags(context=4096), parse_load_log(lines))
    assert str(only) == (
        "layers on the card: all asked for, none (it runs on the CPU) in force "
        "(no usable GPU found, --gpu-layers option will be ignored)"
    )


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (replace(ASKED, gpu_layers=24), "layers on the card: 24 asked for, 20 of 29 in force"),
        (replace(ASKED, context=8192), "context of a slot: 4096 asked for, 2048 in force"),
        (replace(ASKED, kv_k="f16"), "K cache: f16 asked for, q8_0 in force"),
        (replace(ASKED, kv_v="q4_0"), "V cache: q4_0 asked for, q8_0 in force"),
        (replace(ASKED, flash_attention="off"), "flash attention: off asked for, on in force"),
    ],
)
def test_each_flag_that_is_not_in_force_is_named(flags: ServerFlags, says: str) -> None:
    assert [str(one) for one in compare(flags, parse_load_log(ON_A_CARD))] == [says]


def test_a_context_that_the_server_caps_is_told_with_the_reason() -> None:
    log = InForce(context=16384, slot_context=16384)
    capped = with_answers(log, {"total_slots": 1, "default_generation_settings": {"n_ctx": 8192}}, None)
    (only,) = compare(ServerFlags(context=16384), capped)
    assert str(only).endswith("16384 asked for, 8192 in force (the model was trained for no more)")


def test_a_context_is_rounded_up_without_a_word() -> None:
    found = InForce(slot_context=1024, slots=3)
    assert compare(ServerFlags(context=3000, parallel=3), found) == ()


def test_the_servers_own_answer_counts_more_than_its_log() -> None:
    props = {"total_slots": 4, "default_generation_settings": {"n_ctx": 1024}, "build_info": "b11669-3ab9c0d"}
    found = with_answers(parse_load_log(ON_A_CARD), props, [{"id": 0, "n_ctx": 1024}, {"id": 1, "n_ctx": 512}])
    assert (found.slots, found.slot_context) == (2, 512)
    assert found.build is not None
    assert found.build.number == 11669


@pytest.mark.parametrize(
    ("props", "slots"),
    [(None, None), ({}, []), ({"total_slots": "4", "default_generation_settings": 7}, ["x", {"n_ctx": True}])],
)
def test_an_answer_of_another_form_adds_nothing(props: dict[str, Any] | None, slots: list[Any] | None) -> None:
    found = with_answers(InForce(slots=2, slot_context=2048), props, slots)
    assert found.slot_context == 2048
    assert found.slots == (len(slots) if slots else 2)


@pytest.mark.parametrize(
    ("label", "number"),
    [
        ("b11669-3ab9c0d", 11669),
        ("11669 (3ab9c0d)", 11669),
        ("ghcr.io/ggml-org/llama.cpp:server-cuda-b11669", 11669),
        ("2026.10.11549", 11549),
        ("0.7.0 (build 11669, commit Debian)", 11669),
        ("b0-unknown", None),
        ("server-cuda", None),
        ("", None),
    ],
)
def test_a_build_is_known_by_its_number(label: str, number: int | None) -> None:
    assert parse_build(label).number == number


def test_a_command_line_is_read_back() -> None:
    argv = ("llama-server", "-m", "x.gguf", "-c", "4096", "-b", "128", "-np", "2", "-ngl", "20", "-ctk", "q8_0")
    assert parse_flags(argv) == ServerFlags(context=4096, batch=128, parallel=2, gpu_layers=20, kv_k="q8_0")


def test_the_command_line_of_something_else_has_no_flags() -> None:
    assert parse_flags(("python", "-c", "import this")) is None
    assert parse_flags(()) is None


def test_silence_is_no_difference() -> None:
    assert compare(ASKED, parse_load_log([])) == ()
    assert not parse_load_log([]).told


@given(st.lists(st.text(max_size=80) | st.sampled_from(ON_A_CARD), max_size=30))
def test_any_log_is_read_without_an_error(lines: list[str]) -> None:
    found = parse_load_log(lines)
    assert found.device.total >= 0
    assert found.told == bool(found.buffers)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda one: (
            st.lists(one, max_size=3)
            | st.dictionaries(
                st.sampled_from(["n_ctx", "total_slots", "default_generation_settings", "build_info"]), one, max_size=4
            )
        ),
        max_leaves=9,
    )
)
def test_any_answer_is_read_without_an_error(body: Any) -> None:
    props = body if isinstance(body, dict) else None
    slots = body if isinstance(body, list) else None
    assert with_answers(InForce(), props, slots).buffers == ()
