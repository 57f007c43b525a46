from __future__ import annotations

import pytest

from aisuite.stack.containers import DOUBT, SILENCE, curl_check, python_check
from aisuite.stack.model import Endpoint, HealthTiming
from aisuite.units import Port
from tests.fakes.profiles import make_renderer, make_resolved

AT = Endpoint("127.0.0.1", Port(8001))


def ends(check: tuple[str, ...]) -> bool:
    return "kill" in check[-1]


@pytest.mark.parametrize("end_when_hung", [True, False])
def test_a_check_asks_at_its_address_and_waits_as_long_as_it_says(end_when_hung: bool) -> None:
    curl = curl_check(AT, "/health", end_when_hung=end_when_hung)
    assert "http://127.0.0.1:8001/health --max-time 5" in " ".join(curl)
    python = python_check(AT, "/livez", "python3", end_when_hung=end_when_hung, silence=1.5)
    assert python[:-1] == ("CMD", "python3", "-IS", "-c")
    assert "(('127.0.0.1', 8001), seconds)" in python[-1]
    assert "ask(1.5)" in python[-1]
    assert (ends(curl), ends(python)) == (end_when_hung, end_when_hung)
    assert compile(python[-1], "check", "exec")


def test_the_engine_waits_longer_than_its_check() -> None:
    assert HealthTiming().timeout > SILENCE + DOUBT


def test_what_hangs_is_ended_except_the_vector_store_whose_image_has_no_client() -> None:
    stack = make_resolved("docker")
    assert {service.name for service in stack.services if not ends(service.healthcheck)} == {"qdrant"}


def test_of_the_gateway_only_its_worker_is_ended() -> None:
    stack = make_resolved("docker")
    assert {one.name for one in stack.services if "os.kill(worker(), 9)" in one.healthcheck[-1]} == {"api-gateway"}


def test_nothing_is_ended_where_that_is_not_wanted() -> None:
    stack = make_resolved("docker", restart_when_hung=False)
    assert not any(ends(service.healthcheck) for service in stack.services)


def test_a_script_of_several_lines_arrives_as_it_is() -> None:
    stack = make_resolved("docker")
    make_renderer().render(stack)  # which reads back what it wrote
    assert all("\n" in service.healthcheck[-1] for service in stack.services if ends(service.healthcheck))


def test_a_local_process_has_no_health_command() -> None:
    assert {service.healthcheck for service in make_resolved().services} == {()}
