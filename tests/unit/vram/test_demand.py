"""From a profile to what it asks of a card, and back with numbers."""

from __future__ import annotations

from typing import Any

import pytest

from aisuite.errors import ProfileInvalid
from aisuite.profile.model import Images, Profile
from aisuite.vram.demand import build_of_image, demand_alone, demands_of, planned_models, settled, unplanned
from aisuite.vram.model import ALL_LAYERS
from aisuite.vram.solve import solve
from tests.fakes.pricing import make_budget, make_shape, round_pricing
from tests.fakes.profiles import make_profile

SHAPES = {"chat": make_shape(10, "chat"), "code": make_shape(10, "code")}
FILE = {"repo": "someone/model", "file": "model.gguf"}


def on_card(chat: dict[str, Any], code: dict[str, Any] | None = None) -> Profile:
    models = {"chat": {"source": FILE, **chat}, "code": {"source": FILE, **(code or {"gpu_layers": "all"})}}
    return make_profile(gpu={"backend": "cuda", "budget": "6GiB"}, models=models)


def test_only_models_with_files_on_a_card_are_planned() -> None:
    assert planned_models(make_profile()) == ()
    assert planned_models(on_card({})) == ("chat", "code")
    demo = on_card({}, {"source": {"demo": True}})
    assert planned_models(demo) == ("chat",)


def test_the_flags_are_those_that_the_server_gets() -> None:
    profile = on_card({"context": 4096, "batch": 256, "parallel": 2, "kv_type": "q8_0", "flash_attention": "on"})
    chat, code = demands_of(profile, SHAPES, "mine")
    assert (chat.flags.context, chat.flags.batch, chat.flags.parallel) == (4096, 256, 2)
    assert (chat.flags.kv_k, chat.flags.kv_v, chat.flags.flash_attention) == ("q8_0", "q8_0", "on")
    assert (code.flags.gpu_layers, code.layers_open) == (ALL_LAYERS, False)


def test_what_the_owner_allows_counts_only_where_the_layers_are_open() -> None:
    freedom = {"context": 4096, "context_min": 1024, "kv_types": ["q8_0"], "parallel": 4, "parallel_min": 2}
    chat, code = demands_of(on_card({**freedom, "gpu_layers": "auto"}, {**freedom, "gpu_layers": 3}), SHAPES, "mine")
    assert (chat.layers_open, chat.context_floor, chat.kv_choices, chat.parallel_floor) == (True, 1024, ("q8_0",), 2)
    assert (code.layers_open, code.context_floor, code.kv_choices, code.parallel_floor) == (False, None, (), None)


def test_more_layers_than_the_model_has_are_refused_with_their_place() -> None:
    with pytest.raises(ProfileInvalid) as caught:
        demands_of(on_card({"gpu_layers": 12}), SHAPES, "mine")
    assert [str(problem) for problem in caught.value.problems] == [
        "mine: models.chat.gpu_layers: 12 layers; the model has 11, its output counted: write all, or auto"
    ]


def test_a_settled_profile_has_what_the_plan_chose_and_nothing_else() -> None:
    profile = on_card({"gpu_layers": "auto"}, {"gpu_layers": "auto", "context": 2048, "context_min": 1024})
    demands = demands_of(profile, SHAPES, "mine")
    numbers = settled(profile, solve(demands, make_budget(2000, reserve=0), round_pricing())).models
    assert (numbers["chat"].gpu_layers, numbers["code"].gpu_layers, numbers["code"].context) == ("all", 3, 1024)
    assert numbers["chat"].model_copy(update={"gpu_layers": "auto"}) == profile.models["chat"]


def test_a_demo_model_is_small_enough_for_all_its_layers() -> None:
    profile = on_card({"source": {"demo": True}, "gpu_layers": "auto"})
    assert settled(profile, None).models["chat"].gpu_layers == "all"


def test_what_needs_no_plan_takes_all_layers() -> None:
    assert unplanned(on_card({"gpu_layers": "auto"}, {"gpu_layers": 3})).models["chat"].gpu_layers == "all"


def test_a_model_alone_has_the_usual_settings_and_open_layers() -> None:
    demand = demand_alone("m", make_shape())
    assert (demand.flags.context, demand.flags.batch, demand.layers_open) == (1024, 128, True)


@pytest.mark.parametrize(
    ("images", "number"),
    [
        ({}, 11669),
        ({"llama_gpu": "local/llama:2026-06", "llama_build": 10001}, 10001),
        ({"llama_gpu": "local/llama:2026"}, None),
        ({"llama_gpu": f"local/llama:v1@sha256:{'b1234567' * 8}"}, None),
    ],
)
def test_the_build_is_said_or_read_from_the_tag(images: dict[str, Any], number: int | None) -> None:
    assert build_of_image(Images.model_validate(images)).number == number
