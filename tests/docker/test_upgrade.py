"""Upgrades and rollbacks of containers: a broken image or flag is taken back, and names mean what they meant."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from aisuite.adapters.images import DockerImages
from aisuite.errors import AisuiteError
from aisuite.ops.generations import current_number
from aisuite.ops.rollback import RollbackRequest, rollback
from aisuite.ops.status import status
from aisuite.ops.up import UpRequest, up
from aisuite.ops.upgrade import UpgradeReport, UpgradeRequest, upgrade
from aisuite.stack.model import Stack
from tests.bed.images import PYTHON
from tests.docker.answering import Project, answering, docker, new_project, project  # noqa: F401  fixtures
from tests.unit.ops.generation_world import Backups

pytestmark = pytest.mark.docker


def build(name: str, *lines: str) -> None:
    """Make an image on the bed from PYTHON."""
    text = "\n".join([f"FROM {PYTHON}", *lines, ""])
    subprocess.run(["docker", "build", "-q", "-t", name, "-"], input=text.encode(), check=True, capture_output=True)


@pytest.fixture
def name(project: Project) -> Iterator[str]:  # noqa: F811
    """An image of the project's own, which is PYTHON by another name."""
    reference = f"{project.name}/server:1"
    docker("tag", PYTHON, reference)
    yield reference
    named = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={project.name}/*")
    docker("rmi", "--force", *named.split())
    docker("image", "prune", "--force", "--filter", f"label=made-for={project.name}")


def change(project: Project, stack: Stack) -> UpgradeReport:  # noqa: F811
    deps = replace(project.deps, images=DockerImages())
    return upgrade(UpgradeRequest(UpRequest(stack), window=2), deps, Backups())


@pytest.mark.parametrize("fault", ["image", "flag"])
def test_a_bad_upgrade_is_taken_back_and_the_other_server_is_never_touched(
    project: Project,  # noqa: F811
    name: str,
    fault: str,
) -> None:
    build(f"{project.name}/broken:1", 'ENTRYPOINT ["false"]')
    chat, code = answering("chat", image=name), answering("code", image=name)
    up(UpRequest(project.stack(chat, code)), replace(project.deps, images=DockerImages()))
    before = project.containers()
    bad = {"image": f"{project.name}/broken:1"} if fault == "image" else {"command": ("python3", "--no-such-flag")}
    report = change(project, project.stack(replace(chat, **bad), replace(code, **bad)))
    assert isinstance(report.failure, AisuiteError)
    assert report.failure.message.startswith("chat: ")
    assert report.back is not None
    assert status(project.deps).exit_code == 0
    assert current_number(project.deps.workdir) == 1
    after = project.containers()
    assert {one for one in before if before[one] != after[one]} == {"chat"}
    assert project.inspect("chat")["Config"]["Image"] == name


def test_a_rollback_gives_a_name_back_its_image_and_starts_containers_of_it(
    project: Project,  # noqa: F811
    name: str,
) -> None:
    deps = replace(project.deps, images=DockerImages())
    stack = project.stack(answering("chat", image=name), answering("code"))
    up(UpRequest(stack), deps)
    old = project.inspect("chat")["Image"]
    build(name, f"LABEL made-for={project.name}")
    up(UpRequest(stack, by_image=True), deps)
    assert project.inspect("chat")["Image"] != old
    assert current_number(deps.workdir) == 2
    report = rollback(RollbackRequest(), deps, Backups())
    assert [one.step.subject for one in report.up.results] == ["chat"]
    assert project.inspect("chat")["Image"] == old
    assert report.seconds < 30
    assert current_number(deps.workdir) == 1
