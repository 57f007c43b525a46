from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisuite.errors import ProfileInvalid
from aisuite.stack.compose import parse_compose
from aisuite.stack.hardening import check_hardening
from aisuite.stack.inference import LLAMA_FLAGS
from aisuite.stack.model import Card, Stack
from aisuite.stack.resolve import resolve
from tests.fakes.profiles import ENGINES, make_profile, make_renderer, make_resolved, make_site

FILE = {"source": {"repo": "someone/chat", "file": "chat.gguf"}, "gpu_layers": 0}
CARD = {"backend": "cuda", "device": 1}


def one_model(engine: Any = "process", gpu: Any = None, **model: Any) -> Stack:
    changes: dict[str, Any] = {"models": {"chat": FILE | model}, "routes": {"chat-7b": ["chat"]}, "phase": 1}
    return make_resolved(engine, **changes, **({"gpu": gpu} if gpu else {}))


def option(stack: Stack, flag: str, service: str = "inference-chat") -> str:
    command = stack.service(service).command
    return command[command.index(flag) + 1]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_flag_of_a_model_server_is_declared(engine: Any) -> None:
    words = make_resolved(engine).service("inference-chat").command
    used = {word for word in words if word.startswith("-") and not word.lstrip("-").isdigit()}
    assert used == LLAMA_FLAGS


def test_a_burst_of_connections_finds_threads_that_wait_and_health_does_too() -> None:
    assert int(option(one_model(parallel=1), "--threads-http")) > 100


def test_a_local_server_starts_with_the_program_that_was_found() -> None:
    assert make_resolved().service("inference-chat").command[:2] == ("/opt/llama/llama-server", "-m")


def test_a_container_keeps_its_images_entry_point() -> None:
    service = make_resolved("docker").service("inference-chat")
    assert service.command[0] == "-m"
    assert service.entrypoint is None


def test_a_local_server_reads_its_model_where_it_lies() -> None:
    assert option(make_resolved(), "-m") == "/srv/aisuite/models/chat.gguf"


def test_a_container_reads_its_model_from_a_read_only_mount() -> None:
    stack = make_resolved("docker")
    (mount,) = stack.service("inference-chat").mounts
    assert option(stack, "-m") == "/models/chat.gguf"
    assert (mount.source, mount.target, mount.read_only) == ("/srv/aisuite/models", "/models", True)


@pytest.mark.parametrize(("written", "path"), [("/mnt/gguf", "/mnt/gguf"), ("../gguf", "/srv/aisuite/../gguf")])
def test_a_relative_folder_of_models_starts_at_the_working_directory(written: str, path: str) -> None:
    assert option(make_resolved(paths={"models": written}), "-m") == f"{path}/chat.gguf"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_demo_model_lies_with_the_data_and_names_its_server(engine: Any) -> None:
    stack = one_model(engine, source={"demo": True})
    (model,) = stack.models
    assert model.path == Path("/srv/aisuite/.aisuite/default/data/demo-models/demo-chat.gguf")
    assert model.demo_sentence is not None
    assert model.demo_sentence.endswith("from inference-chat.")
    assert stack.demo


def test_a_demo_model_is_mounted_as_others_are() -> None:
    (mount,) = one_model("docker", source={"demo": True}).service("inference-chat").mounts
    assert mount.source == "/srv/aisuite/.aisuite/default/data/demo-models"


def test_a_model_file_says_where_it_comes_from() -> None:
    digest = "0" * 64
    source = {"repo": "someone/chat", "file": "chat.gguf", "revision": "v1", "sha256": digest}
    (model,) = one_model(source=source).models
    assert (model.repo, model.file, model.revision, model.sha256) == ("someone/chat", "chat.gguf", "v1", digest)
    assert model.demo_sentence is None


@pytest.mark.parametrize(("cpus", "threads"), [(1, "1"), (2, "1"), (3, "1"), (5, "2"), (8, "3"), (33, "16")])
def test_the_cores_but_one_are_divided_between_the_servers(cpus: int, threads: str) -> None:
    stack = resolve(make_profile(), "small", make_site(cpus=cpus))
    assert option(stack, "-t") == threads


def test_threads_of_the_profile_stand() -> None:
    assert option(one_model(threads=16), "-t") == "16"


@pytest.mark.parametrize(("cpus", "limit"), [(1, 1.0), (2, 2.0), (8, 4.0), (33, 17.0)])
def test_a_container_may_use_one_core_more_than_its_threads(cpus: int, limit: float) -> None:
    stack = resolve(make_profile(), "small", make_site("docker", cpus=cpus))
    assert stack.service("inference-chat").cpus == limit


def test_a_local_process_has_no_limits() -> None:
    assert {(service.cpus, service.memory) for service in make_resolved().services} == {(None, None)}


def test_threads_do_not_exceed_the_limit_of_the_container() -> None:
    assert option(one_model("docker", cpus=2.5), "-t") == "2"
    assert option(one_model("docker", cpus=0.5), "-t") == "1"


def test_a_limit_of_cores_never_exceeds_those_of_the_machine() -> None:
    assert one_model("docker", cpus=64).service("inference-chat").cpus == 8
    assert one_model("docker", cpus=1.5).service("inference-chat").cpus == 1.5


@pytest.mark.parametrize(
    ("layers", "gpu", "flag"),
    [("all", CARD, "999"), (20, CARD, "20"), (0, CARD, "0"), ("all", None, "0"), ("auto", None, "0")],
)
def test_layers_are_those_of_the_profile_and_none_without_a_card(layers: Any, gpu: Any, flag: str) -> None:
    assert option(one_model(gpu=gpu, gpu_layers=layers), "-ngl") == flag


@pytest.mark.parametrize(
    ("image", "asked"),
    [
        ("ghcr.io/ggml-org/llama.cpp:server-b11669", True),
        ("ghcr.io/ggml-org/llama.cpp:server-b9209", True),
        ("ghcr.io/ggml-org/llama.cpp:server-b9208", False),
        ("example.org/my-llama:1.0", False),
    ],
)
def test_lines_about_memory_are_asked_for_only_where_no_prompt_comes_with_them(image: str, asked: bool) -> None:
    command = make_resolved("docker", images={"llama": image}).service("inference-chat").command
    assert ("-lv" in command) is asked


@pytest.mark.parametrize(("build", "asked"), [(11549, True), (8000, False), (None, False)])
def test_a_local_server_is_asked_by_its_build(build: int | None, asked: bool) -> None:
    stack = resolve(make_profile(), "small", make_site(llama_build=build))
    assert ("-lv" in stack.service("inference-chat").command) is asked


def test_layers_that_only_a_planner_could_choose_are_refused() -> None:
    with pytest.raises(ProfileInvalid) as caught:
        one_model(gpu=CARD, gpu_layers="auto")
    (problem,) = caught.value.problems
    assert problem.key == "models.chat.gpu_layers"
    assert "write all, or a number" in problem.message


def test_a_local_server_sees_the_card_of_the_profile_only() -> None:
    environment = dict(one_model(gpu=CARD).service("inference-chat").environment)
    assert environment == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "1"}


def test_a_container_asks_the_engine_for_the_card() -> None:
    stack = one_model("docker", gpu=CARD)
    assert stack.service("inference-chat").gpu
    assert stack.service("inference-chat").environment == ()
    assert stack.gpu_device == 1


@pytest.mark.parametrize(("gpu", "image"), [(None, "server-b11669"), (CARD, "server-cuda-b11669")])
def test_the_image_follows_the_backend(gpu: Any, image: str) -> None:
    assert one_model("docker", gpu=gpu).service("inference-chat").image == f"ghcr.io/ggml-org/llama.cpp:{image}"


def test_a_card_that_containers_cannot_get_is_said() -> None:
    assert any("rocm" in note for note in one_model("docker", gpu={"backend": "rocm"}).notes)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_key_is_named_by_its_file(engine: Any) -> None:
    path = option(make_resolved(engine), "--api-key-file")
    assert path in {"/run/secrets/service_key", "/srv/aisuite/.aisuite/default/secrets/service_key"}


@pytest.mark.parametrize(("temperature", "flag"), [(0, "0"), (0.3, "0.3"), (0.00001, "0.00001")])
def test_numbers_are_written_without_an_exponent(temperature: float, flag: str) -> None:
    assert option(one_model(sampling={"temperature": temperature}), "--temp") == flag


@pytest.mark.parametrize(
    ("cdi", "devices", "expected"),
    [
        ("auto", {"nvidia.com/gpu=1", "nvidia.com/gpu=all"}, Card("cdi", "nvidia.com/gpu=1")),
        ("auto", {"nvidia.com/gpu=0"}, Card("nvidia", "1")),
        ("auto", (), Card("nvidia", "1")),
        (True, (), Card("cdi", "nvidia.com/gpu=1")),
        (False, {"nvidia.com/gpu=1"}, Card("nvidia", "1")),
    ],
)
def test_a_card_is_asked_for_by_its_name_where_the_engine_knows_it(cdi: Any, devices: Any, expected: Card) -> None:
    profile = make_profile(gpu={**CARD, "cdi": cdi})
    stack = resolve(profile, "small", make_site("docker", cdi_devices=frozenset(devices)))
    assert {service.card for service in stack.services if service.gpu} == {expected}
    compose = parse_compose(make_renderer().render(stack)["compose.yaml"])
    deploy = compose.services["inference-chat"].deploy
    assert deploy is not None
    assert deploy.resources.reservations is not None
    (device,) = deploy.resources.reservations.devices
    assert (device.driver, device.device_ids) == (expected.driver, (expected.id,))
    assert not check_hardening(compose)


TWO = {"chat": {"source": {"demo": True}, "device": 2}, "code": {"source": {"demo": True}, "device": 1}}


def test_each_model_has_its_own_card() -> None:
    profile = make_profile(gpu={"backend": "cuda", "devices": [1, 2]}, models=TWO)
    local = resolve(profile, "small", make_site("process"))
    seen = {one.name: dict(one.environment).get("CUDA_VISIBLE_DEVICES") for one in local.services if one.gpu}
    assert seen == {"inference-chat": "2", "inference-code": "1"}
    compose = parse_compose(make_renderer().render(resolve(profile, "small", make_site("docker")))["compose.yaml"])
    deploys = {name: compose.services[name].deploy for name in seen}
    asked = {name: one.resources.reservations.devices[0].device_ids for name, one in deploys.items() if one}
    assert {name: list(ids or ()) for name, ids in asked.items()} == {"inference-chat": ["2"], "inference-code": ["1"]}


def test_before_a_plan_every_model_is_on_the_first_card() -> None:
    profile = make_profile(gpu={"backend": "cuda", "devices": [3, 4]})
    stack = resolve(profile, "small", make_site("process"))
    assert stack.gpu_device == 3
    assert {service.card.index for service in stack.services if service.gpu} == {3}
