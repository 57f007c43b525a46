from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import xllamacpp

from aisuite.services.inference.flags import FLAGS, FlagInvalid, parse_command_line
from aisuite.services.inference.params import build_params

VALUES = {
    "N": "7",
    "N|all|auto": "all",
    "MIB": "7",
    "TYPE": "q8_0",
    "on|off|auto": "on",
    "on|off": "off",
    "FILE": "m.gguf",
    "TEMPLATE": "{{ x }}",
    "HOST[,HOST...]": "127.0.0.1,::1",
    "NAME[,NAME...]": "chat, chat-7b",
    "KEY[,KEY...]": "sk-1",
}


def build(*argv: str) -> Any:
    line = parse_command_line(argv)
    return build_params(xllamacpp, line.settings, line.api_keys)


def read(params: Any, path: str) -> Any:
    for name in path.split("."):
        params = getattr(params, name)
    return params


@pytest.mark.parametrize(
    "name", [name for name, flag in FLAGS.items() if flag.setting not in {"help", "version", "api_key_file"}]
)
def test_the_library_can_express_every_flag(name: str) -> None:
    flag = FLAGS[name]
    value = {"pooling_type": "last", "sampling.top_p": "0.5", "sampling.min_p": "0.5"}.get(flag.setting)
    argv = (name,) if flag.is_switch else (name, value or VALUES[flag.metavar])
    where = {"rerank": "embedding", "api_key": "api_keys"}.get(flag.setting, flag.setting)
    changed, started = read(build(*argv), where), read(build(), where)
    assert changed != started or changed == flag.switch_to


def test_values_arrive_as_the_library_wants_them() -> None:
    params = build(*("-m", "m.gguf", "-a", "chat, chat-7b", "--host", "127.0.0.1,::1", "-ctv", "q4_0", "-fa", "off"))
    assert params.model.path == "m.gguf"
    assert params.model_alias == {"chat", "chat-7b"}
    assert params.hostnames == ["127.0.0.1", "::1"]
    assert params.cache_type_v == xllamacpp.ggml_type.GGML_TYPE_Q4_0
    assert params.flash_attn_type == xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED


def test_threads_serve_batches_too_unless_told_otherwise() -> None:
    alone, both = build("-t", "3"), build("-tb", "2", "-t", "3")
    assert (alone.cpuparams.n_threads, alone.cpuparams_batch.n_threads) == (3, 3)
    assert (both.cpuparams.n_threads, both.cpuparams_batch.n_threads) == (3, 2)


def test_reranking_pools_by_rank_and_embeds() -> None:
    params = build("--rerank")
    assert params.embedding
    assert params.pooling_type == xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_RANK


def test_a_random_seed_is_minus_one() -> None:
    assert build("-s", "-1").sampling.seed == xllamacpp.LLAMA_DEFAULT_SEED


def test_without_a_number_of_slots_the_server_chooses_it() -> None:
    assert (build().n_parallel, build("-np", "1").n_parallel) == (-1, 1)


@pytest.mark.parametrize(
    ("flag", "mark"), [("--temp", "TEMP"), ("--top-k", "TOP_K"), ("--repeat-penalty", "PENALTY_REPEAT")]
)
def test_a_chosen_sampler_setting_outranks_the_model_files_own(flag: str, mark: str) -> None:
    marks = xllamacpp.common_params_sampling_config
    assert build(flag, "1").sampling.user_sampling_config == getattr(marks, f"COMMON_PARAMS_SAMPLING_CONFIG_{mark}")
    assert build().sampling.user_sampling_config == 0


def test_a_batch_with_less_room_than_slots_is_refused() -> None:
    for argv, slots in ((("-b", "3"), 4), (("-b", "7", "-np", "8"), 8)):
        with pytest.raises(FlagInvalid, match=f"at least {slots}, the number of slots"):
            build(*argv)
    assert build("-b", "8", "-np", "8").n_batch == 8


def test_a_setting_that_this_library_does_not_have_is_refused() -> None:
    class CommonParams:
        __slots__ = ("api_keys", "n_parallel")

    library = SimpleNamespace(CommonParams=CommonParams, __version__="1.0")
    with pytest.raises(FlagInvalid, match=r"this xllamacpp \(1.0\) cannot express it: .*fit_params"):
        build_params(library, {"fit_params": False}, ())  # type: ignore[arg-type]
