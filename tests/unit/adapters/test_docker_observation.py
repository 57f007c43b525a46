"""What the engine says about a container becomes what everybody else understands."""

from __future__ import annotations

from typing import Any

import pytest

from aisuite.adapters.docker_engine.labels import FINGERPRINT, SERVICE, made_labels, read_fingerprint
from aisuite.adapters.docker_engine.observation import observe_container
from aisuite.plan.observed import ObservedService, State

NEVER = "0001-01-01T00:00:00Z"


def container(status: str, **state: Any) -> dict[str, Any]:
    return {
        "Id": "0123456789abcdef" * 4,
        "Image": "sha256:1",
        "RestartCount": 2,
        "Config": {"Labels": {SERVICE: "chat", FINGERPRINT: '{"command": "a"}'}},
        "State": {"Status": status, "Pid": 0, "ExitCode": 0, "StartedAt": NEVER, **state},
    }


def test_a_running_container_is_told_with_its_pid_its_beginning_and_its_fingerprint() -> None:
    running = container("running", Pid=4242, StartedAt="2026-11-21T09:05:00.123456789Z")
    assert observe_container(running) == ObservedService(
        name="chat",
        state=State.RUNNING,
        pid=4242,
        container="0123456789ab",
        started_at=1795251900.123456,
        restarts=2,
        fingerprint={"command": "a"},
        image="sha256:1",
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("created", State.EXITED),
        ("restarting", State.RESTARTING),
        ("paused", State.PAUSED),
        ("removing", State.EXITED),
        ("exited", State.EXITED),
        ("stopped", State.EXITED),
        ("dead", State.FAILED),
        ("a state of tomorrow", State.FAILED),
    ],
)
def test_every_state_of_the_engine_has_a_name_of_ours(status: str, state: State) -> None:
    assert observe_container(container(status)).state is state


@pytest.mark.parametrize(
    ("health", "state"),
    [("starting", State.STARTING), ("healthy", State.RUNNING), ("unhealthy", State.RUNNING), ("none", State.RUNNING)],
)
def test_a_container_is_starting_until_its_first_good_health_check(health: str, state: State) -> None:
    assert observe_container(container("running", Health={"Status": health})).state is state


@pytest.mark.parametrize(
    ("status", "health", "told"),
    [
        ("running", {"Status": "healthy"}, "healthy"),
        ("running", {"Status": "none"}, None),
        ("running", None, None),
        ("paused", {"Status": "unhealthy"}, "unhealthy"),
        ("exited", {"Status": "healthy"}, None),
    ],
)
def test_what_the_engines_checks_find_is_told_of_what_runs(status: str, health: Any, told: str | None) -> None:
    found = observe_container(container(status, Health=health, StartedAt="2026-11-21T09:05:00Z"))
    assert found.engine_health == told


@pytest.mark.parametrize(("code", "means"), [(0, 0), (3, 3), (127, 127), (137, -9), (139, -11), (143, -15), (255, 255)])
def test_an_exit_code_above_128_is_the_signal_that_ended_it(code: int, means: int) -> None:
    assert observe_container(container("exited", ExitCode=code)).exit_code == means


def test_a_container_that_never_ran_has_no_exit_code() -> None:
    assert observe_container(container("created")).exit_code is None


def test_a_fingerprint_survives_the_label() -> None:
    parts = {"command": "a 'b c'\n\"d\"", "environment": "K=$V", "file ä": "1"}
    assert read_fingerprint(made_labels("sha256:1", "hash", parts)) == parts


@pytest.mark.parametrize("label", ["", "{", "[1]", "null"])
def test_a_label_that_is_no_fingerprint_counts_as_none(label: str) -> None:
    assert read_fingerprint({FINGERPRINT: label}) == {}
    assert read_fingerprint({}) == {}
