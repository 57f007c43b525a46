"""What the Docker engine tells of a container beyond its state: events, published ports, its own health command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisuite.adapters.docker_engine.events import findings_of
from aisuite.adapters.docker_engine.labels import PROJECT, WORKING_DIR
from aisuite.adapters.docker_engine.observation import observe_container
from aisuite.adapters.docker_engine.port_holders import port_holders
from aisuite.plan.observed import Findings

MISSING = 'OCI runtime exec failed: exec failed: unable to start container process: exec: "curl": not found'


def _event(action: str, **attributes: str) -> dict[str, Any]:
    return {"Action": action, "Actor": {"Attributes": attributes}}


def test_events_tell_every_end_and_a_kill_for_memory() -> None:
    events = [_event("die", exitCode="3"), _event("oom"), _event("die", exitCode="137")]
    assert findings_of(events) == Findings(out_of_memory=True, exit_codes=(3, -9))
    assert findings_of([]) == Findings()


def test_ports_of_other_projects_are_named_with_their_container() -> None:
    def container(name: str, port: int, labels: dict[str, str]) -> dict[str, Any]:
        ports = [{"PrivatePort": 1, "PublicPort": port, "Type": "tcp"}, {"PrivatePort": 2, "Type": "tcp"}]
        return {"Names": [f"/{name}"], "Labels": labels, "Ports": ports}

    containers = [
        container("ours", 1001, {PROJECT: "suite", WORKING_DIR: "/here"}),
        container("theirs", 1002, {PROJECT: "suite", WORKING_DIR: "/there"}),
        container("alone", 1003, {}),
    ]
    found = port_holders(containers, "suite", Path("/here"))
    assert found == {1002: "the container theirs of the project suite", 1003: "the container alone"}


@pytest.mark.parametrize(
    ("code", "output", "fault"),
    [
        (-1, MISSING, MISSING),
        (127, "sh: curl: not found\n", "sh: curl: not found"),
        (7, "connection refused", ""),
        (-1, "Health check exceeded timeout (5s)", ""),
        (0, "", ""),
    ],
)
def test_only_a_health_command_that_cannot_be_run_is_a_fault_of_the_image(code: int, output: str, fault: str) -> None:
    assert observe_container(_container([{"ExitCode": code, "Output": output}])).health_fault == fault


def test_a_container_that_was_not_asked_yet_has_no_fault() -> None:
    assert observe_container(_container([])).health_fault == ""


def _container(log: list[dict[str, Any]]) -> dict[str, Any]:
    state = {"Status": "running", "Pid": 7, "StartedAt": "2026-01-01T00:00:00Z", "ExitCode": 0}
    return {
        "Id": "0123456789abcdef",
        "Image": "sha256:1",
        "RestartCount": 0,
        "Config": {"Labels": {"com.docker.compose.service": "chat"}},
        "State": state | {"Health": {"Status": "starting", "Log": log}},
    }
