from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.profile.dependencies import (
    default_dependencies,
    effective_dependencies,
    embedding_backend,
    find_cycle,
    host_ports,
    running_services,
    takes_card,
    unasked_encoders,
)
from aisuite.profile.model import Profile
from tests.fakes.profiles import make_profile

NAMES = st.sampled_from("abcdefgh")
GRAPHS = st.dictionaries(NAMES, st.lists(NAMES, max_size=4), max_size=8)


def profile(**changes: object) -> Profile:
    values: dict[str, object] = {
        "phase": 2,
        "models": {"chat": {"source": {"demo": True}}, "code": {"source": {"demo": True}}},
        "routes": {"chat-7b": ["chat", "code"], "code-7b": ["code", "chat"]},
    }
    return Profile.model_validate(values | changes)


def has_cycle_by_elimination(graph: dict[str, list[str]]) -> bool:
    left = {name: set(others) & graph.keys() for name, others in graph.items()}
    while free := [name for name, others in left.items() if not others]:
        left = {name: others - set(free) for name, others in left.items() if name not in free}
    return bool(left)


def test_the_gateway_waits_for_every_model_and_rag_for_what_it_asks() -> None:
    assert default_dependencies(profile()) == {
        "inference-chat": (),
        "inference-code": (),
        "api-gateway": ("inference-chat", "inference-code"),
        "qdrant": (),
        "embedding": (),
        "rag": ("qdrant", "embedding", "api-gateway"),
    }


def test_phase_1_is_models_and_gateway_only() -> None:
    assert running_services(profile(phase=1)) == ("inference-chat", "inference-code", "api-gateway")


def test_a_disabled_service_neither_runs_nor_is_waited_for() -> None:
    without = profile(services={"rag": {"enabled": False}, "qdrant": {"enabled": False}})
    assert "rag" not in running_services(without)
    assert "qdrant" not in {name for others in default_dependencies(without).values() for name in others}


def test_depends_on_replaces_the_usual_dependencies() -> None:
    graph = effective_dependencies(profile(services={"qdrant": {"depends_on": ["embedding"]}}))
    assert graph["qdrant"] == ("embedding",)
    assert graph["rag"] == ("qdrant", "embedding", "api-gateway")


def test_the_port_of_an_own_model_is_unknown_until_the_profile_names_it() -> None:
    models = {"tiny": {"source": {"demo": True}}}
    assert host_ports(profile(models=models))["inference-tiny"] is None
    assert host_ports(profile(models=models, ports={"inference-tiny": 8010}))["inference-tiny"] == 8010


def test_a_service_that_waits_for_itself_is_a_cycle() -> None:
    assert find_cycle({"a": ["a"]}) == ("a", "a")


def test_a_long_chain_is_no_cycle_and_no_recursion_error() -> None:
    chain = {str(number): [str(number + 1)] for number in range(3000)}
    assert find_cycle(chain) is None


@given(GRAPHS)
def test_a_cycle_is_found_exactly_when_there_is_one_and_each_of_its_steps_is_an_edge(
    graph: dict[str, list[str]],
) -> None:
    cycle = find_cycle(graph)
    assert (cycle is not None) == has_cycle_by_elimination(graph)
    if cycle is not None:
        assert cycle[0] == cycle[-1]
        assert all(following in graph[name] for name, following in pairwise(cycle))


@pytest.mark.parametrize(
    ("model", "backend"),
    [("hash-384", "hash"), ("embed", "llamacpp"), ("intfloat/multilingual-e5-small", "fastembed")],
)
def test_the_name_of_an_embedding_model_says_what_runs_it(model: str, backend: str) -> None:
    encoder = {"source": {"demo": True}, "serves": "embedding"}
    chat = {"source": {"demo": True}}
    profile = make_profile(
        models={"chat": chat, "embed": encoder},
        routes={"chat-7b": ["chat"], "code-7b": ["chat"]},
        services={"embedding": {"model": model}},
    )
    assert embedding_backend(profile) == backend
    assert unasked_encoders(profile) == (() if model == "embed" else ("embed",))


def test_an_encoder_without_a_layer_on_the_card_takes_no_card() -> None:
    profile = make_profile(gpu={"backend": "cuda"})
    (chat, _) = profile.models.values()
    assert takes_card(chat, profile)
    encoder = chat.model_copy(update={"serves": "embedding"})
    assert not takes_card(encoder, profile)
    assert takes_card(encoder.model_copy(update={"gpu_layers": "all"}), profile)
