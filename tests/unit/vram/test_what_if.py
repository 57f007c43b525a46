"""--what-if: settings tried on top of a profile's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.errors import UsageError
from aisuite.vram.model import ALL_LAYERS
from aisuite.vram.what_if import Change, apply_changes, parse_changes
from tests.fakes.pricing import make_demand

CHAT, CODE = make_demand("chat"), make_demand("code")


def test_a_change_is_for_all_models_or_for_one() -> None:
    changes = parse_changes("context=8192, kv=q8_0,code.layers=3,chat.parallel=2,batch=64")
    chat, code = apply_changes([CHAT, CODE], changes)
    assert (chat.flags.context, chat.flags.kv_k, chat.flags.kv_v, chat.flags.batch) == (8192, "q8_0", "q8_0", 64)
    assert (chat.flags.gpu_layers, chat.flags.parallel, chat.layers_open) == (ALL_LAYERS, 2, True)
    assert (code.flags.gpu_layers, code.flags.parallel, code.layers_open) == (3, 1, False)


def test_layers_can_be_fixed_and_opened() -> None:
    (fixed,) = apply_changes([CHAT], parse_changes("layers=all"))
    (opened,) = apply_changes([fixed], parse_changes("layers=auto"))
    assert (fixed.layers_open, opened.layers_open) == (False, True)


def test_nothing_changes_nothing() -> None:
    assert apply_changes([CHAT, CODE], parse_changes("")) == (CHAT, CODE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("contxt=1", "there is context, kv, layers, parallel, batch, each with a value"),
        ("context", "each with a value"),
        (".context=1", "each with a value"),
        ("context=many", "context is a number from 1"),
        ("context=0", "context is a number from 1"),
        ("context=99999999999999", "context is a number from 1"),
        ("context=١", "context is a number from 1"),
        ("layers=-1", "layers is a number from 0"),
        ("kv=q9_9", "the types are f16, bf16"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_an_example(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_changes(text)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("aisuite plan --what-if")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cod.context=1", "the models are chat, code"),
        ("code.layers=12", "code has 11 layers, its output counted; 12 cannot be on a card"),
    ],
)
def test_what_no_model_can_have_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        apply_changes([CHAT, CODE], parse_changes(text))


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        changes = parse_changes(text)
    except UsageError:
        return
    assert parse_changes(",".join(map(str, changes))) == changes


def test_a_change_says_itself_as_it_is_written() -> None:
    assert str(Change("code", "kv", "q8_0")) == "code.kv=q8_0"
