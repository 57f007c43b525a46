"""What `validate-env` sees of a real engine, and of a project that runs on it."""

# ruff: noqa: F811  fixtures come by import
from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from aisuite.adapters.docker_engine.live_containers import LiveContainers
from aisuite.adapters.docker_facts import DockerFacts
from aisuite.adapters.host_facts import LocalFacts
from aisuite.adapters.images import DockerImages
from aisuite.ops.gather_facts import FactDoors, FactRequest, gather
from aisuite.ops.validate_env import validate_env
from aisuite.preflight.catalogue import choose
from aisuite.preflight.snapshot import Programs
from aisuite.units import Mib
from tests.bed.images import PYTHON
from tests.docker.answering import Project, answering, docker, new_project, project  # noqa: F401
from tests.fakes.models import FakeModelFiles

if TYPE_CHECKING:
    from aisuite.preflight.model import Finding
    from aisuite.stack.model import Service
    from tests.bed.place import Bed

pytestmark = pytest.mark.docker


def checked(project: Project, *services: Service, only: str) -> dict[str, Finding]:
    stack = project.stack(*services)
    request = FactRequest(stack, project.folder, Programs(), {})
    doors = FactDoors(
        deps=project.deps,
        engine=project.engine(),
        machine=LocalFacts(),
        container_engine=DockerFacts(),
        images=DockerImages(),
        files=FakeModelFiles(),
        read_live=LiveContainers(project.folder, project.name).read,
        old_environments=lambda: (),
        plan_card=lambda: None,
    )
    report = validate_env(choose(only.split(",")), partial(gather, request, doors))
    return {one.check.id: one for one in report.findings}


def confined(name: str) -> Service:
    return answering(name, user="1000:1000", cpus=1.0, memory=Mib(128))


def test_the_engine_of_the_bed_is_described(docker_environment: Bed) -> None:
    found = DockerFacts().describe()
    assert (found.fault, found.cpus > 0, found.memory > 0) == ("", True, True)
    assert found.version[0].isdigit()
    assert found.root == str(docker_environment.root / "data")
    assert found.root_free
    assert found.ahead == pytest.approx(0, abs=2)
    assert "runc" in found.runtimes


def test_a_project_that_runs_is_in_no_conflict_with_itself_but_with_others(project: Project) -> None:
    one, other = confined("chat"), confined("embedding")
    project.up(one)
    own = checked(project, one, only="DOCKER-007,PORT-001,PROJECT,IMAGE-001")
    assert {name: found.outcome.value for name, found in own.items()} == dict.fromkeys(own, "pass")
    assert own["PORT-001"].judgement.measured == "1 port; 1 held by this stack itself"
    docker("create", "--name", f"{project.name}-x", "-p", f"127.0.0.1:{other.published.port}:80", PYTHON, "sleep", "60")
    try:
        docker("start", f"{project.name}-x")
        found = checked(project, one, other, only="PORT-001")["PORT-001"]
    finally:
        docker("rm", "-f", f"{project.name}-x")
    holder = f"the container {project.name}-x"
    assert found.judgement.details == (f"port {other.published.port} for embedding is held by {holder}",)


def test_what_was_done_to_a_container_since_and_a_missing_image_are_warnings(project: Project) -> None:
    one = confined("chat")
    project.up(one)
    docker("update", "--pids-limit", "-1", f"{project.name}-chat-1")
    found = checked(project, one, replace(confined("code"), image="nowhere/none:1"), only="DOCKER-007,IMAGE-001")
    assert found["DOCKER-007"].outcome == "warn"
    assert found["DOCKER-007"].judgement.details[0].startswith("CIS-5.29 chat: ")
    assert found["IMAGE-001"].judgement.details == ("nowhere/none:1: missing",)


def test_a_registry_that_has_not_got_an_image_says_why(docker_environment: Bed) -> None:
    assert DockerFacts().afar("127.0.0.1:1/none:1") != ""
