"""What the Docker engine cannot do is told as what it is, on a real engine; nothing half made is left."""

# ruff: noqa: F811  fixtures come by import
from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from aisuite.adapters.docker_engine.volumes import DockerVolumes
from aisuite.errors import EngineUnavailable, GpuUnavailable, NotReady, PortTaken, StepFailed
from aisuite.ops.down import down
from aisuite.stack.model import Endpoint, Mount
from aisuite.units import Port
from tests.docker.answering import NewProject, Project, answering, docker, new_project, project  # noqa: F401

pytestmark = pytest.mark.docker


def test_a_program_that_is_missing_is_a_crash_that_its_log_explains(project: Project) -> None:
    with pytest.raises(NotReady, match="no-such-program"):
        project.up(answering("chat", command=("no-such-program",)))
    assert project.left()["containers"] == []
    assert "no-such-program" in project.deps.engine.log_tail("chat", 5)[0]  # though its container is gone


def test_an_image_that_is_missing_is_named_with_the_command_that_fetches_it(project: Project) -> None:
    with pytest.raises(StepFailed, match="aisuite-bed/nothing:1 is not on this machine") as raised:
        project.up(answering("chat", image="aisuite-bed/nothing:1"))
    assert raised.value.hint == "aisuite images pull"
    assert project.left() == {"containers": [], "networks": [], "volumes": []}


def test_a_port_that_was_taken_in_the_last_moment_is_named(project: Project) -> None:
    service = answering("chat")
    project.write(project.stack(service))
    project.deps.engine.open(project.stack(service))
    with socket.socket() as other:
        other.bind(("127.0.0.1", service.published.port))
        other.listen()
        with pytest.raises(PortTaken, match=f"{service.published.port}|taken"):
            project.deps.engine.start(service, {})
    assert project.left()["containers"] == []


def test_a_port_that_another_container_holds_is_named(new_project: NewProject) -> None:
    first, second = new_project(), new_project()
    service = answering("chat")
    first.up(service)
    second.write(second.stack(service))
    second.deps.engine.open(second.stack(service))
    with pytest.raises(PortTaken, match=str(service.published.port)):
        second.deps.engine.start(service, {})
    assert second.left()["containers"] == []


def test_a_card_that_docker_cannot_give_is_an_error_and_never_the_cpu(project: Project) -> None:
    stack = replace(project.stack(answering("chat", gpu=True)), gpu_device=0)
    project.write(stack)
    project.deps.engine.open(stack)
    with pytest.raises(GpuUnavailable, match="could not select device driver"):
        project.deps.engine.start(stack.services[0], {})
    assert project.left()["containers"] == []


def test_a_folder_that_is_missing_is_named_and_not_made(project: Project, tmp_path: Path) -> None:
    missing = tmp_path / "no models"
    with pytest.raises(StepFailed, match=f"{missing} is not on the machine"):
        project.up(answering("chat", mounts=(Mount(str(missing), "/models"),)))
    assert not missing.exists()


def test_more_cpus_than_the_machine_has_are_refused(project: Project) -> None:
    with pytest.raises(StepFailed, match="its limit of CPUs is above the"):
        project.up(answering("chat", cpus=4096.0))


def test_a_foreign_container_with_our_name_is_left_alone_and_named(project: Project) -> None:
    service = answering("chat")
    name = f"{project.name}-chat-1"
    docker("create", "--name", name, str(service.image), "true")
    try:
        with pytest.raises(StepFailed, match=f"a container that is not of this project is called {name}"):
            project.up(service)
        assert docker("ps", "-aq", "--filter", f"name={name}").split()
    finally:
        docker("rm", name)


def test_a_foreign_network_with_our_name_is_left_alone_and_named(project: Project) -> None:
    name = f"{project.name}_core"
    docker("network", "create", name)
    try:
        with pytest.raises(StepFailed, match=f"the network {name} is not of this project"):
            project.up(answering("chat"))
    finally:
        docker("network", "rm", name)


def test_a_volume_of_another_project_is_not_used(project: Project) -> None:
    name = f"{project.name}_kept"
    docker("volume", "create", "--label", "com.docker.compose.project=somebody", name)
    try:
        with pytest.raises(StepFailed, match=f"the volume {name} is of the project somebody"):
            project.up(answering("chat", volumes=(Mount("kept", "/kept"),)))
    finally:
        docker("volume", "rm", name)


def test_a_network_that_a_foreign_container_uses_stays_and_is_named_by_down(project: Project) -> None:
    service = answering("chat")
    project.up(service)
    guest = f"{project.name}-guest"
    docker("run", "-d", "--name", guest, "--network", f"{project.name}_core", str(service.image), "sleep", "60")
    try:
        with pytest.raises(StepFailed, match=f"the network {project.name}_core is still in use") as raised:
            down(project.deps)
        assert docker("inspect", "-f", "{{.State.Running}}", guest).strip() == "true"
    finally:
        docker("rm", "-f", guest)
    assert raised.value.hint == f"docker network inspect {project.name}_core"
    assert project.left()["containers"] == []
    down(project.deps)
    assert project.left()["networks"] == []


def test_a_volume_that_a_foreign_container_uses_stays_and_is_named(project: Project) -> None:
    service = answering("chat", volumes=(Mount("kept", "/kept", read_only=False),))
    project.up(service)
    down(project.deps)
    guest, volume = f"{project.name}-guest", f"{project.name}_kept"
    docker("create", "--name", guest, "-v", f"{volume}:/kept", str(service.image), "true")
    try:
        with pytest.raises(StepFailed, match=f"the volume {volume}: .*in use"):
            DockerVolumes(project.name, project.folder).remove(volume)
    finally:
        docker("rm", guest)
    assert project.left()["volumes"] == [volume]


def test_a_project_of_the_same_name_in_another_folder_is_neither_seen_nor_touched(
    project: Project, tmp_path: Path
) -> None:
    project.up(answering("chat"))
    other = Project(tmp_path / "elsewhere", project.name)
    assert other.containers() == {}
    with pytest.raises(StepFailed, match="another folder has a project"):
        other.up(answering("chat"))
    other.deps.engine.close()
    assert list(project.containers()) == ["chat"]


def test_an_address_that_this_machine_has_not_is_refused(project: Project) -> None:
    service = replace(answering("chat"), published=Endpoint("192.0.2.1", Port(18999)))
    project.write(project.stack(service))
    project.deps.engine.open(project.stack(service))
    with pytest.raises(StepFailed, match="no such address"):
        project.deps.engine.start(service, {})


def test_without_an_engine_every_command_says_how_to_get_one(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:  # what comes after the test finds the bed again
        elsewhere.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
        with pytest.raises(EngineUnavailable, match="no Docker answers at") as raised:
            project.engine().observe()
    assert raised.value.hint == "sudo systemctl start docker"


def test_a_file_that_was_edited_by_hand_is_refused_with_the_place(project: Project) -> None:
    stack = project.write(project.stack(answering("chat")))
    path = project.folder / "compose.yaml"
    path.write_text(path.read_text().replace("init: true", "privileged: true"))
    with pytest.raises(EngineUnavailable, match=r"services\.chat\.privileged"):
        project.deps.engine.open(stack)
