"""What the shipped profiles promise."""

import pytest

from aisuite.profile.dependencies import embedding_backend, embedding_model, running_services
from aisuite.profile.load import known_profiles
from aisuite.profile.model import Profile
from aisuite.vram.demand import planned_models
from tests.unit.profile.conftest import Load

NAMES = ["demo", "phase1", "phase2", "phase2-cpu", "phase3"]
PHASE_2 = {"inference-chat", "inference-code", "api-gateway", "qdrant", "embedding", "rag"}
ENCODER = "inference-embed"


def test_these_profiles_are_shipped(load: Load) -> None:
    loaded = load(name="phase2")
    assert sorted(known_profiles(loaded.files[0])) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_profile_loads_without_a_warning(load: Load, name: str) -> None:
    loaded = load(name=name)
    assert (loaded.warnings, loaded.unused, loaded.name) == ((), (), name)
    assert loaded.profile.description


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_written_out_in_full_is_the_same_profile(load: Load, name: str) -> None:
    profile = load(name=name).profile
    assert Profile.model_validate(profile.model_dump(mode="json", by_alias=True)) == profile


@pytest.mark.parametrize("name", NAMES)
def test_everything_listens_on_this_machine_only(load: Load, name: str) -> None:
    assert load(name=name).profile.bind.is_loopback


def test_phase_2_shares_a_6_gb_card(load: Load) -> None:
    profile = load(name="phase2").profile
    assert (profile.gpu.backend, str(profile.gpu.budget)) == ("cuda", "6GiB")
    assert [model.gpu_layers for model in profile.models.values()] == ["all", "auto", 0]
    assert set(running_services(profile)) == PHASE_2 | {ENCODER}


@pytest.mark.parametrize("name", ["phase2", "phase3"])
def test_profiles_with_a_card_embed_by_a_model_that_takes_nothing_of_it(load: Load, name: str) -> None:
    profile = load(name=name).profile
    encoder = profile.models["embed"]
    assert (embedding_backend(profile), embedding_model(profile), encoder.pooling) == ("llamacpp", "embed", "last")
    assert encoder.source.file == "Qwen3-Embedding-0.6B-Q8_0.gguf"
    assert planned_models(profile) == ("chat", "code")


def test_without_a_card_an_onnx_model_embeds_and_the_demo_needs_none(load: Load) -> None:
    cpu, demo = load(name="phase2-cpu").profile, load(name="demo").profile
    assert cpu.services.embedding.model == "intfloat/multilingual-e5-small"
    assert (embedding_backend(cpu), embedding_backend(demo)) == ("fastembed", "hash")


@pytest.mark.parametrize("name", ["phase2", "phase3", "phase2-cpu"])
def test_embedding_without_a_download_is_two_lines_away(load: Load, name: str) -> None:
    keys = "services: {embedding: {model: hash-384}}\n" + ("" if name == "phase2-cpu" else "models: {embed: null}\n")
    loaded = load(f"extends: {name}\n{keys}")
    assert (embedding_backend(loaded.profile), loaded.warnings) == ("hash", ())
    assert ENCODER not in running_services(loaded.profile)


def test_chat_has_no_single_point_of_failure_from_phase_2_on(load: Load) -> None:
    for name in NAMES:
        if name != "phase1":
            assert load(name=name).profile.routes == {"chat-7b": ("chat", "code"), "code-7b": ("code", "chat")}


def test_phase_1_is_one_model_and_the_gateway(load: Load) -> None:
    assert running_services(load(name="phase1").profile) == ("inference-chat", "api-gateway")


@pytest.mark.parametrize("name", ["phase2-cpu", "demo"])
def test_cpu_profiles_ask_for_no_card(load: Load, name: str) -> None:
    profile = load(name=name).profile
    assert profile.gpu.backend == "cpu"
    assert {model.gpu_layers for model in profile.models.values()} == {0}
    assert set(running_services(profile)) == PHASE_2


def test_the_demo_needs_nothing_from_outside(load: Load) -> None:
    profile = load(name="demo").profile
    assert profile.engine == "process"
    assert all(model.source.demo and model.source.repo is None for model in profile.models.values())


def test_phase_3_puts_two_7b_models_on_a_bigger_card(load: Load) -> None:
    profile = load(name="phase3").profile
    assert (profile.phase, str(profile.gpu.budget)) == (3, "10GiB")
    assert {profile.models[name].gpu_layers for name in ("chat", "code")} == {"all"}
    assert "7B" in str(profile.models["chat"].source.file)
