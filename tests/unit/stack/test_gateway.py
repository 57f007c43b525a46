from __future__ import annotations

from typing import Any

import pytest

from aisuite.stack.model import SecretUse
from tests.fakes.profiles import ENGINES, make_resolved


def test_a_route_tries_its_models_in_the_order_of_the_profile() -> None:
    routes = {route.name: route.targets for route in make_resolved().routes}
    assert [(one.service, one.order) for one in routes["chat-7b"]] == [("inference-chat", 1), ("inference-code", 2)]
    assert [(one.service, one.order) for one in routes["code-7b"]] == [("inference-code", 1), ("inference-chat", 2)]


def test_local_servers_are_called_on_loopback() -> None:
    urls = [target.url for target in make_resolved().routes[0].targets]
    assert urls == ["http://127.0.0.1:8001/v1", "http://127.0.0.1:8004/v1"]


def test_containers_are_called_by_name() -> None:
    urls = [target.url for target in make_resolved("docker").routes[0].targets]
    assert urls == ["http://inference-chat:8001/v1", "http://inference-code:8001/v1"]


def test_a_local_gateway_is_the_program_of_the_site_with_its_configuration() -> None:
    service = make_resolved().service("api-gateway")
    assert service.command[:5] == (
        "/opt/gateway/bin/python",
        "-I",
        "/srv/aisuite/.aisuite/default/process/start_gateway.py",
        "--config",
        "/srv/aisuite/.aisuite/default/process/litellm.yaml",
    )
    assert service.config_files == ("process/litellm.yaml", "process/model_servers.py", "process/start_gateway.py")


def test_a_gateway_in_a_container_reads_its_configuration_from_the_rendered_folder() -> None:
    service = make_resolved("docker").service("api-gateway")
    assert [(mount.source, mount.target, mount.read_only) for mount in service.mounts] == [
        ("./litellm.yaml", "/app/litellm.yaml", True),
        ("./model_servers.py", "/app/model_servers.py", True),  # beside it: there LiteLLM looks for it
        ("./start_gateway.py", "/app/start_gateway.py", True),
    ]
    assert service.command[:5] == ("python3", "-P", "/app/start_gateway.py", "--config", "/app/litellm.yaml")
    assert service.config_files == ("litellm.yaml", "model_servers.py", "start_gateway.py")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_circuits_are_kept_by_one_worker(engine: Any) -> None:
    assert make_resolved(engine).service("api-gateway").command[-2:] == ("--num_workers", "1")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_gateway_gets_both_keys_by_name(engine: Any) -> None:
    assert make_resolved(engine).service("api-gateway").secrets == (
        SecretUse("service_key", "INFERENCE_API_KEY", as_file=False),
        SecretUse("gateway_key", "LITELLM_MASTER_KEY", as_file=False),
    )


def test_a_container_reads_its_keys_from_files_at_start() -> None:
    entrypoint = make_resolved("docker").service("api-gateway").entrypoint
    assert entrypoint is not None
    shell, flags, script, zero = entrypoint
    assert (shell, flags, zero) == ("/bin/sh", "-ec", "sh")
    assert 'LITELLM_MASTER_KEY="$(cat /run/secrets/gateway_key)"; export LITELLM_MASTER_KEY' in script
    assert script.endswith('; exec "$@"')


@pytest.mark.parametrize("engine", ENGINES)
def test_the_gateway_asks_nothing_of_the_internet(engine: Any) -> None:
    environment = dict(make_resolved(engine).service("api-gateway").environment)
    assert environment["LITELLM_OFFLINE_MODE"] == "true"
    assert environment["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    assert environment["LITELLM_TELEMETRY_DISABLED"] == "true"


def test_the_longest_silence_of_a_stream_is_below_the_time_of_a_request() -> None:
    assert make_resolved().policy.stream_timeout == 25
    assert make_resolved(timeouts={"request": "8s", "connect": "5s"}).policy.stream_timeout == 8


@pytest.mark.parametrize("attempts", [0, 1, 3])
def test_a_server_that_was_too_slow_is_not_asked_again(attempts: int) -> None:
    policy = make_resolved(retry={"attempts": attempts}).policy
    assert (policy.attempts, policy.timeout_attempts) == (attempts, 0)


@pytest.mark.parametrize(
    ("interval", "whole", "stale"), [("10s", 10, 60), ("500ms", 1, 60), ("2.5s", 3, 60), ("1m", 60, 360)]
)
def test_probes_have_whole_intervals_and_their_results_outlive_several(interval: str, whole: int, stale: int) -> None:
    policy = make_resolved(services={"api-gateway": {"health_interval": interval}}).policy
    assert (policy.health_interval, policy.health_staleness) == (whole, stale)


@pytest.mark.parametrize("attempts", range(11))
def test_a_caller_is_told_within_nine_seconds_of_waiting_that_nothing_can_answer(attempts: int) -> None:
    environment = dict(make_resolved(retry={"attempts": attempts}).service("api-gateway").environment)
    first, longest, jitter = (float(environment[name]) for name in ("INITIAL_RETRY_DELAY", "MAX_RETRY_DELAY", "JITTER"))
    # LiteLLM sleeps after every try, the last one too, and does all of it again for the second server.
    sleeps = [min(first * 2**number, longest) + jitter for number in range(attempts + 1)]
    assert 2 * sum(sleeps) <= 9.0 + 1e-9


def test_a_connection_that_is_kept_is_younger_than_the_server_closes_it() -> None:
    environment = dict(make_resolved().service("api-gateway").environment)
    closed_by_llama_server = 5
    longest_that_a_busy_gateway_looks_away = 2.5
    kept = float(environment["AIOHTTP_KEEPALIVE_TIMEOUT"])
    assert kept + longest_that_a_busy_gateway_looks_away < closed_by_llama_server


@pytest.mark.parametrize("engine", ENGINES)
def test_the_profile_says_how_long_the_gateway_waits_for_a_connection_and_for_a_servers_health(engine: Any) -> None:
    settings = {"timeouts": {"connect": "4s"}, "services": {"api-gateway": {"health_timeout": "2500ms"}}}
    environment = dict(make_resolved(engine, **settings).service("api-gateway").environment)
    assert (environment["MODEL_CONNECT_TIMEOUT"], environment["MODEL_HEALTH_TIMEOUT"]) == ("4", "2.5")
