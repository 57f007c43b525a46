from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.services.inference.flags import FLAGS, FlagInvalid, describe_flags, parse_command_line
from aisuite.stack.inference import LLAMA_FLAGS


def read(*argv: str) -> dict[str, object]:
    return dict(parse_command_line(argv).settings)


def test_every_flag_the_suite_uses_is_known() -> None:
    assert set(FLAGS) >= LLAMA_FLAGS


def test_each_name_of_a_flag_means_the_same() -> None:
    for name in ("-ngl", "--gpu-layers", "--n-gpu-layers"):
        assert read(name, "20") == {"n_gpu_layers": 20}


@pytest.mark.parametrize(
    ("argv", "setting"),
    [
        (("-ngl", "all"), {"n_gpu_layers": -2}),
        (("-ngl", "auto"), {"n_gpu_layers": -1}),
        (("--seed", "-1"), {"sampling.seed": -1}),
        (("-fa", "on"), {"flash_attn_type": "on"}),
        (("--fit", "off"), {"fit_params": False}),
        (("-nocb",), {"cont_batching": False}),
        (("--slots", "--no-slots"), {"endpoint_slots": False}),
        (("-c", "8", "-c", "2"), {"n_ctx": 2}),
        (("-a", "--fit"), {"model_alias": "--fit"}),
    ],
)
def test_a_flag_makes_its_setting(argv: tuple[str, ...], setting: dict[str, object]) -> None:
    assert read(*argv) == setting


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--frobnicate",), "unknown flag '--frobnicate'"),
        (("-ag",), "unknown flag '-ag'"),  # not -a g
        (("--port=8001",), "unknown flag '--port=8001'"),
        (("model.gguf",), "unknown flag 'model.gguf'"),
        (("--ctx",), "unknown flag '--ctx'"),  # no abbreviations
        (("-c",), "-c needs a value: N"),
        (("-m", ""), "-m needs a value: FILE"),
        (("-c", "many"), "-c cannot be 'many'"),
        (("--port", "0"), "from 1 to 65535"),
        (("-fa", "yes"), "one of on, off, auto"),
        (("-ctk", "q9_9"), "one of f32, f16"),
        (("--temp", "nan"), "from 0 to 100"),
        (("--top-p", "1.5"), "from 0 to 1"),
        (("-ngl", "-3"), "from 0 to"),
        (("-c", "9" * 30), "it must be 0, or from 2 to 2147483647"),
        (("-np", "0"), "it must be -1, or from 1 to 256"),  # the library would hang
        (("-t", "0"), "it must be -1, or from 1 to 512"),  # the library would abort, here and below
        (("-b", "1"), "from 2 to"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(argv: tuple[str, ...], message: str) -> None:
    with pytest.raises(FlagInvalid, match="^.*" + message.replace("(", r"\(")):
        parse_command_line(argv)


def test_keys_are_gathered_and_never_shown() -> None:
    line = parse_command_line(["--api-key", "sk-a,sk-b", "--api-key", "sk-c", "--api-key-file", "keys"])
    assert line.api_keys == ("sk-a", "sk-b", "sk-c")
    assert [str(file) for file in line.api_key_files] == ["keys"]
    assert line.settings == {}
    assert "sk-" not in repr(line)


@given(st.lists(st.one_of(st.sampled_from(sorted(FLAGS)), st.text(max_size=5)), max_size=6))
def test_any_command_line_is_read_or_refused(argv: list[str]) -> None:
    try:
        line = parse_command_line(argv)
    except FlagInvalid:
        return
    assert set(line.settings) <= {flag.setting for flag in FLAGS.values()}


def test_help_names_every_flag() -> None:
    words = describe_flags().replace(",", " ").split()
    assert set(FLAGS) <= set(words)
