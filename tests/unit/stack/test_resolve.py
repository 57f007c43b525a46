from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisuite.errors import UsageError
from aisuite.ports import Recipe
from aisuite.stack.compose import parse_compose
from aisuite.stack.model import Dependency, Endpoint, HealthTiming
from aisuite.stack.resolve import resolve
from aisuite.units import Port
from tests.fakes.profiles import ENGINES, make_profile, make_renderer, make_resolved, make_site

CHAT_ONLY: dict[str, Any] = {
    "phase": 1,
    "models": {"chat": {"source": {"demo": True}, "gpu_layers": 0}},
    "routes": {"chat-7b": ["chat"]},
}


@pytest.mark.parametrize("engine", ENGINES)
def test_services_stand_in_an_order_in_which_they_can_start(engine: Any) -> None:
    names = [service.name for service in make_resolved(engine).services]
    assert names == ["inference-chat", "inference-code", "qdrant", "embedding", "api-gateway", "rag"]


def test_phase_1_is_a_model_and_a_gateway() -> None:
    assert [service.name for service in make_resolved(**CHAT_ONLY).services] == ["inference-chat", "api-gateway"]


def test_phase_3_says_what_is_not_there_yet() -> None:
    stack = make_resolved(phase=3)
    assert len(stack.services) == 6
    assert stack.notes == ("mcp-server, memory-api and memory-maintainer are not in this version",)


def test_a_service_that_is_not_enabled_is_left_out() -> None:
    services = {name: {"enabled": False} for name in ("rag", "embedding")}
    names = [service.name for service in make_resolved(services=services).services]
    assert names == ["inference-chat", "inference-code", "qdrant", "api-gateway"]


def test_one_model_server_is_enough_for_the_gateway() -> None:
    assert make_resolved().service("api-gateway").depends_on == (
        Dependency("inference-chat", required=False),
        Dependency("inference-code", required=False),
    )


def test_rag_waits_for_all_that_it_needs() -> None:
    assert make_resolved().service("rag").depends_on == (
        Dependency("qdrant"),
        Dependency("embedding"),
        Dependency("api-gateway"),
    )


def test_dependencies_of_the_profile_replace_the_usual_ones() -> None:
    services = {"rag": {"depends_on": ["qdrant"]}, "api-gateway": {"depends_on": ["inference-chat", "qdrant"]}}
    stack = make_resolved(services=services)
    assert stack.service("rag").depends_on == (Dependency("qdrant"),)
    assert stack.service("api-gateway").depends_on == (
        Dependency("inference-chat", required=False),
        Dependency("qdrant"),
    )


def test_local_services_listen_where_they_are_reached() -> None:
    for service in make_resolved(ports={"inference-chat": 9001}).services:
        assert service.listen == service.published
        assert service.published.host == "127.0.0.1"


def test_containers_are_published_on_loopback() -> None:
    service = make_resolved("docker", ports={"inference-code": 9004}).service("inference-code")
    assert service.listen == Endpoint("0.0.0.0", Port(8001))
    assert service.published == Endpoint("127.0.0.1", Port(9004))
    assert service.ready_url == "http://127.0.0.1:9004/health"


@pytest.mark.parametrize(("bind", "loopback"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_service_bound_to_all_addresses_is_called_on_loopback(engine: Any, bind: str, loopback: str) -> None:
    service = make_resolved(engine, bind=bind).service("api-gateway")
    assert service.published.host == bind
    assert service.ready_url == f"http://{loopback}:8000/health/readiness"


@pytest.mark.parametrize("engine", ENGINES)
def test_deadlines_are_those_of_the_profile(engine: Any) -> None:
    stack = make_resolved(engine, services={"embedding": {"deadline": "7s"}})
    assert (stack.service("embedding").deadline, stack.service("inference-chat").deadline) == (7, 180)


@pytest.mark.parametrize("engine", ENGINES)
def test_no_service_gets_a_secret_in_its_command_or_environment(engine: Any) -> None:
    for service in make_resolved(engine).services:
        variables = {use.variable for use in service.secrets if not use.as_file}
        assert variables.isdisjoint(name for name, _ in service.environment)
        assert variables.isdisjoint(service.command)


def test_containers_that_read_the_owners_files_run_as_the_owner() -> None:
    stack = resolve(make_profile(), "small", make_site("docker", owner=(501, 20)))
    users = {service.name: service.user for service in stack.services}
    assert users.pop("qdrant") is None
    assert set(users.values()) == {"501:20"}


def test_a_place_that_is_not_unicode_is_refused() -> None:
    odd = Path("/srv/\udcff")
    with pytest.raises(UsageError, match="not UTF-8"):
        resolve(make_profile(), "small", make_site(working_dir=odd, folder=odd / ".aisuite"))


def test_the_same_profile_gives_the_same_stack() -> None:
    assert make_resolved() == make_resolved()


@pytest.mark.parametrize("api", [None, (1, 44), (1, 51)])
def test_an_engine_that_can_asks_more_often_while_a_container_starts(api: tuple[int, int] | None) -> None:
    stack = resolve(make_profile(), "small", make_site("docker", docker_api=api))
    assert {service.health_timing for service in stack.services} == {HealthTiming(interval=5.0, start_interval=1.0)}


@pytest.mark.parametrize("api", [(1, 41), (1, 43)])
def test_an_old_engine_asks_often_always(api: tuple[int, int]) -> None:
    stack = resolve(make_profile(), "small", make_site("docker", docker_api=api))
    assert {service.health_timing for service in stack.services} == {HealthTiming(interval=2.0, start_interval=None)}


def test_compose_is_told_no_start_interval_that_an_old_engine_would_refuse() -> None:
    stack = resolve(make_profile(), "small", make_site("docker", docker_api=(1, 41)))
    text = make_renderer().render(stack)["compose.yaml"]
    assert "start_interval" not in text
    assert all(service.healthcheck.interval == "2s" for service in parse_compose(text).services.values())


def test_a_locked_image_is_started_by_its_digest() -> None:
    digest, image = "sha256:" + "1" * 64, make_profile().images.qdrant
    stack = resolve(make_profile(), "small", make_site("docker", digests={image: digest, "other:1": digest}))
    service = stack.service("qdrant")
    assert (service.image, service.exact_image) == (image, f"{image}@{digest}")
    assert parse_compose(make_renderer().render(stack)["compose.yaml"]).services["qdrant"].image == f"{image}@{digest}"
    assert stack.service("rag").exact_image == make_profile().images.service


def test_our_own_image_is_made_on_the_profiles_base_and_without_a_word_on_the_usual_one() -> None:
    assert make_resolved(images={"service_base": "python:3.12-slim"}).service_base == "python:3.12-slim"
    assert make_resolved().service_base == make_profile().images.service_base == Recipe().base
