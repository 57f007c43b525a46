"""What a drill allows a stack, by how the stack itself is made."""

from __future__ import annotations

from typing import Any

from aisuite.drill.catalogue import CATALOGUE
from aisuite.ops.drill_bench import Bench, Crowd
from tests.fakes.stacks import phase2_stack


def allowed(fault: str) -> dict[str, float]:
    stack, nobody = phase2_stack(), Any
    took = {"api-gateway": 4.0, "inference-chat": 9.0}
    bench = Bench(stack, nobody, nobody, nobody, stack.routes[0], Crowd(), {}, took)  # type: ignore[arg-type]
    return bench.allowances(CATALOGUE[fault])


def test_a_model_server_may_take_as_long_as_its_start() -> None:
    assert allowed("kill")["healthy_again"] == 9.0


def test_so_may_a_gateway_of_which_nothing_is_left_but_not_one_that_lost_its_worker() -> None:
    assert allowed("gateway-lost")["healthy_again"] == 4.0
    assert "healthy_again" not in allowed("gateway-kill")


def test_a_client_may_wait_for_every_server_of_the_route_to_be_too_slow() -> None:
    stack = phase2_stack()
    assert stack.policy.timeout_attempts == 0
    assert allowed("timeout")["explicit_error"] == stack.policy.request_timeout * len(stack.routes[0].targets)
