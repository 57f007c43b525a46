"""What the Docker engine promises beyond the contract, on a real engine, with Compose as the witness."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from docker.api import APIClient

from aisuite.adapters.docker_engine import DockerEngine, signals
from aisuite.adapters.docker_engine.client import connect
from aisuite.errors import EngineUnavailable, GpuUnavailable, NotReady, PortTaken, StepFailed
from aisuite.ops.down import down
from aisuite.plan.observed import ALIVE, ObservedService, State
from aisuite.stack.model import Dependency, Endpoint, Mount
from aisuite.units import Port
from tests.bed.place import Bed
from tests.contract.waiting import eventually
from tests.docker.answering import Project, answering, docker

pytestmark = pytest.mark.docker

NewProject = Callable[[], Project]


@pytest.fixture
def new_project(docker_environment: Bed, tmp_path: Path) -> Iterator[NewProject]:
    """Make projects; whatever a test leaves of them is removed, volumes too."""
    made: list[Project] = []

    def make() -> Project:
        made.append(Project(tmp_path / f"project {len(made)}", f"laws-{secrets.token_hex(4)}"))
        return made[-1]

    yield make
    for project in made:
        left = project.left()
        if left["containers"]:
            docker("rm", "-f", *left["containers"])
        for kind in ("network", "volume"):
            if left[f"{kind}s"]:
                docker(kind, "rm", *left[f"{kind}s"])


@pytest.fixture
def project(new_project: NewProject) -> Project:
    return new_project()


def found(project: Project, name: str) -> ObservedService:
    service = project.deps.engine.observe().find(name)
    assert service is not None
    return service


def test_a_second_up_creates_nothing(project: Project) -> None:
    services = (answering("chat"), answering("embedding"))
    assert project.up(*services).exit_code == 0
    before = project.containers()
    second = project.up(*services)
    assert (str(second.plan), project.containers()) == ("nothing to do", before)


def test_one_changed_flag_recreates_one_container_and_the_plan_says_why(project: Project) -> None:
    chat, embedding = answering("chat"), answering("embedding")
    project.up(chat, embedding)
    before = project.containers()
    report = project.up(replace(chat, command=(*chat.command, "--verbose")), embedding)
    assert [str(step) for step in report.plan.steps] == ["recreate chat              changed: added --verbose"]
    after = project.containers()
    assert (after["chat"] != before["chat"], after["embedding"] == before["embedding"]) == (True, True)


def test_a_look_through_the_sdk_sees_what_a_look_at_the_socket_sees(project: Project) -> None:
    project.up(answering("chat", healthcheck=("NONE",)))
    through_sdk = DockerEngine(project.folder, project.name, client=lambda: connect())
    assert through_sdk.observe() == project.engine().observe()
    assert list(project.containers()) == ["chat"]


def test_an_engine_that_speaks_the_oldest_api_gets_the_same_but_the_start_interval(project: Project) -> None:
    service = answering("chat")
    project.up(service)
    today = _described(project.inspect("chat"))
    old = DockerEngine(
        project.folder, project.name, client=lambda: APIClient(os.environ["DOCKER_HOST"], version="1.41")
    )
    old.start(service, {})
    described = _described(project.inspect("chat"))
    assert "StartInterval" not in described["config"]["Healthcheck"]
    described["config"]["Healthcheck"]["StartInterval"] = today["config"]["Healthcheck"]["StartInterval"]
    assert described == today


def test_what_left_the_profile_is_stopped(project: Project) -> None:
    chat, embedding = answering("chat"), answering("embedding")
    project.up(chat, embedding)
    project.up(chat)
    assert list(project.containers()) == ["chat"]


def test_compose_takes_our_containers_for_its_own_and_recreates_none(project: Project) -> None:
    gateway = answering("api-gateway", Dependency("inference-chat", required=False))
    project.up(answering("inference-chat"), gateway)
    before = project.containers()
    assert set(project.compose("ps", "--services").split()) == {"inference-chat", "api-gateway"}
    project.compose("up", "-d")
    assert project.containers() == before
    project.compose("restart", "inference-chat")
    assert found(project, "inference-chat").state in ALIVE
    project.compose("down")
    assert project.left() == {"containers": [], "networks": [], "volumes": []}


def test_compose_reads_the_logs_of_our_containers(project: Project) -> None:
    project.up(answering("chat", entrypoint=("sh", "-c", 'echo hello; exec "$@"', "sh")))
    assert "hello" in project.compose("logs", "chat")


def test_a_container_of_ours_is_what_compose_would_have_made(project: Project) -> None:
    volume = Mount("kept", "/kept", read_only=False)
    service = answering("chat", user="1000:1000", volumes=(volume,), capabilities=("CHOWN",))
    project.up(service)
    ours = project.inspect("chat")
    project.deps.engine.close()
    project.compose("create")
    theirs = project.inspect("chat")
    assert _described(ours) == _described(theirs)


def _described(container: dict) -> dict:
    """Return what matters of a container: not its identity, nor how the same thing may be written in two ways."""
    config, host = container["Config"], container["HostConfig"]
    labels = {key for key in config["Labels"] if key.startswith("com.docker.compose")}
    hashes = {key: config["Labels"][key] for key in labels if key.endswith(("config-hash", "image", "depends_on"))}
    kept = {
        key: value for key, value in config.items() if key not in {"Hostname", "Labels", "AttachStdout", "AttachStderr"}
    }
    mounts = sorted(
        (one["Type"], one.get("Name", one["Source"]), one["Destination"], one["RW"]) for one in container["Mounts"]
    )
    networks = {
        name: set(one["Aliases"] or ()) - {container["Id"][:12]}
        for name, one in container["NetworkSettings"]["Networks"].items()
    }
    same = {key: value or None for key, value in host.items() if key not in {"Mounts", "Binds", "ConsoleSize"}}
    kept["Env"] = sorted(kept["Env"])
    same["CapAdd"] = [name.removeprefix("CAP_") for name in host["CapAdd"] or ()]
    return {"config": kept, "host": same, "mounts": mounts, "networks": networks, "hashes": hashes}


def test_containers_started_by_compose_are_seen_and_taken_over(project: Project) -> None:
    service = answering("chat")
    project.write(project.stack(service))
    project.compose("up", "-d", "--wait")
    assert found(project, "chat").state is State.RUNNING
    assert project.up(service).plan.steps[0].verb == "recreate"
    down(project.deps)
    assert project.left()["containers"] == []


def test_without_compose_on_the_machine_everything_works_but_its_up(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.setenv("PATH", "/nowhere")
        project.up(answering("chat"))
    assert project.compose("ps", "--services").split() == ["chat"]
    project.compose("down")
    assert project.left()["containers"] == []


def test_services_reach_each_other_by_name_and_nothing_else(project: Project) -> None:
    project.up(answering("chat"), answering("code"))
    script = (
        "import urllib.request as r, socket; r.urlopen('http://code:9000/', timeout=5).read(); print('inside')\n"
        "s = socket.socket(); s.settimeout(1)\n"
        "try: s.connect(('192.0.2.1', 80)); print('outside')\n"
        "except OSError: pass"
    )
    assert docker("exec", f"{project.name}-chat-1", "python3", "-c", script).split() == ["inside"]


def test_only_this_machine_reaches_a_published_port(project: Project) -> None:
    service = answering("chat")
    project.up(service)
    assert httpx.get(service.published.url).status_code == 200
    bindings = project.inspect("chat")["NetworkSettings"]["Ports"]
    assert {bind["HostIp"] for binds in bindings.values() for bind in binds} == {"127.0.0.1"}


def test_down_leaves_the_volumes_and_nothing_else(project: Project) -> None:
    volume = Mount("kept", "/kept", read_only=False)
    project.up(answering("chat", volumes=(volume,)))
    docker("exec", f"{project.name}-chat-1", "sh", "-c", "echo data > /kept/file")
    assert down(project.deps).stopped == ("chat",)
    assert project.left() == {"containers": [], "networks": [], "volumes": [f"{project.name}_kept"]}
    project.up(answering("chat", volumes=(volume,)))
    assert docker("exec", f"{project.name}-chat-1", "cat", "/kept/file") == "data\n"


@pytest.mark.parametrize("signal_name", ["KILL", "TERM"])
def test_a_signal_from_inside_the_container_is_answered_by_a_restart(
    project: Project, signal_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As with an engine on another machine, whose processes are not ours to signal.
    monkeypatch.setattr(signals, "_send_here", lambda *_: False)
    service = answering("chat", command=("sh", "-c", "exec sleep 1000"))
    project.write(project.stack(service))
    project.deps.engine.open(project.stack(service))
    project.deps.engine.start(service, {})
    project.deps.engine.signal("chat", signal_name)
    eventually(lambda: found(project, "chat").restarts == 1)


def test_a_paused_service_can_be_killed_and_is_restarted(project: Project) -> None:
    project.up(answering("chat"))
    project.deps.engine.signal("chat", "STOP")
    project.deps.engine.signal("chat", "KILL")
    eventually(lambda: found(project, "chat").restarts == 1)


def test_a_paused_service_can_be_stopped(project: Project) -> None:
    project.up(answering("chat"))
    project.deps.engine.signal("chat", "STOP")
    project.deps.engine.stop("chat")
    assert project.containers() == {}


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
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    with pytest.raises(EngineUnavailable, match="no Docker answers at") as raised:
        project.engine().observe()
    assert raised.value.hint == "sudo systemctl start docker"
    monkeypatch.undo()  # so that what comes after the test finds the bed


def test_a_file_that_was_edited_by_hand_is_refused_with_the_place(project: Project) -> None:
    stack = project.write(project.stack(answering("chat")))
    path = project.folder / "compose.yaml"
    path.write_text(path.read_text().replace("init: true", "privileged: true"))
    with pytest.raises(EngineUnavailable, match=r"services\.chat\.privileged"):
        project.deps.engine.open(stack)
