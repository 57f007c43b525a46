"""What hangs is ended by its own health check and started again by the engine, without any watcher."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aisuite.adapters.demo_models import write_demo_model
from aisuite.profile.model import Images
from aisuite.stack.containers import curl_check, python_check
from aisuite.stack.model import Endpoint, HealthTiming, Mount, Service
from aisuite.units import Port
from tests.docker.answering import Project, answering, docker, new_project, project

__all__ = ["new_project", "project"]
pytestmark = pytest.mark.docker

AT = Endpoint("127.0.0.1", Port(9000))
_KEEPS_A_WORKER = ("sh", "-c", 'while :; do "$@" & wait $!; done', "sh")
_WORKER = 'read -r service rest < /proc/1/task/1/children; cat "/proc/$service/task/$service/children"'
SILENCE = 1.0
OFTEN = HealthTiming(interval=0.5, timeout=6.0, retries=1, start_interval=0.5)


def waited_for(happened: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (there := happened()) and time.monotonic() < end:
        time.sleep(0.1)
    return there


def freeze(project: Project) -> None:
    """Stop the service's own process, and not, as the engine's pause does, its health check as well."""
    inside(project, 'read -r service rest < /proc/1/task/1/children; kill -STOP "$service"')


def inside(project: Project, script: str) -> str:
    return docker("exec", f"{project.name}-chat-1", "/bin/sh", "-c", script).strip()


def is_well(project: Project) -> bool:
    """Wait until the engine's own health check finds the service well."""
    return waited_for(lambda: health(project) == "healthy", 20)


def health(project: Project) -> str:
    return str(project.inspect("chat")["State"]["Health"]["Status"])


def python_service(*, end_when_hung: bool) -> Service:
    check = python_check(AT, "/", "python3", end_when_hung=end_when_hung, silence=SILENCE)
    return answering("chat", healthcheck=check, health_timing=OFTEN)


def llama_server(folder: Path) -> Service:
    """Return a real llama-server with a tiny model."""
    write_demo_model(folder / "demo.gguf", "Hello from here.")
    flags = ("-m", "/models/demo.gguf", "--host", "0.0.0.0", "--port", str(AT.port), "-c", "512", "-t", "1")
    return answering(
        "chat",
        image=Images().llama,
        entrypoint=None,
        command=flags,
        mounts=(Mount(str(folder), "/models"),),
        healthcheck=curl_check(AT, "/health", end_when_hung=True, silence=SILENCE),
        health_timing=OFTEN,
    )


@pytest.mark.parametrize("kind", ["curl", "python"])
def test_what_hangs_is_back_by_itself_and_says_why(kind: str, project: Project, tmp_path: Path) -> None:
    service = llama_server(tmp_path / "models") if kind == "curl" else python_service(end_when_hung=True)
    project.up(service)
    assert is_well(project)
    before = project.inspect("chat")
    freeze(project)

    def is_back() -> bool:
        now = project.inspect("chat")["State"]
        return now["Running"] and now["StartedAt"] != before["State"]["StartedAt"]

    assert waited_for(is_back, 20)
    assert is_well(project)
    after = project.inspect("chat")
    assert (after["Id"], after["RestartCount"]) == (before["Id"], 1)
    assert any("ended by its health check" in line for line in project.deps.engine.log_tail("chat", 50))


def test_a_worker_that_hangs_is_replaced_and_its_container_runs_on(project: Project) -> None:
    check = python_check(AT, "/", "python3", end_when_hung=True, keeps_worker=True, silence=SILENCE)
    command = (*_KEEPS_A_WORKER, *answering("chat").command)
    project.up(answering("chat", command=command, healthcheck=check, health_timing=OFTEN))
    assert is_well(project)
    before, worker = project.inspect("chat")["State"]["StartedAt"], inside(project, _WORKER)
    inside(project, f"kill -STOP {worker}")
    assert waited_for(lambda: inside(project, _WORKER) not in {"", worker}, 20)
    assert is_well(project)
    assert project.inspect("chat")["State"]["StartedAt"] == before


@pytest.mark.parametrize("kind", ["curl", "python"])
def test_what_is_silent_for_a_moment_only_is_left_alone(kind: str, project: Project, tmp_path: Path) -> None:
    project.up(llama_server(tmp_path / "models") if kind == "curl" else python_service(end_when_hung=True))
    assert is_well(project)
    before = project.inspect("chat")["State"]["StartedAt"]
    pause = 'kill -STOP "$service"; sleep 1.5; kill -CONT "$service"'  # longer than the first question alone
    for _ in range(2):
        inside(project, f"read -r service rest < /proc/1/task/1/children; {pause}")
    assert is_well(project)
    assert project.inspect("chat")["State"]["StartedAt"] == before


def test_where_that_is_not_wanted_it_is_unhealthy_and_left_alone(project: Project) -> None:
    service = python_service(end_when_hung=False)
    project.up(service)
    assert is_well(project)
    before = project.inspect("chat")
    freeze(project)
    assert waited_for(lambda: health(project) == "unhealthy", 20)
    assert project.inspect("chat")["State"]["StartedAt"] == before["State"]["StartedAt"]
