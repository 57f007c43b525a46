"""What the Docker engine promises beyond the contract, on a real engine, with Compose as the witness."""

# ruff: noqa: F811  fixtures come by import
from __future__ import annotations

import os
from dataclasses import replace

import httpx
import pytest
from docker.api import APIClient

from aisuite.adapters.docker_client import connect
from aisuite.adapters.docker_engine import signals
from aisuite.adapters.docker_engine.engine import DockerEngine
from aisuite.ops.carry_out import Event
from aisuite.ops.down import down
from aisuite.ops.up import UpRequest, up
from aisuite.plan.fingerprint import fingerprint
from aisuite.plan.observed import ALIVE, ObservedService, State
from aisuite.stack.model import Dependency, Mount
from tests.contract.waiting import eventually
from tests.docker.answering import Project, answering, docker, new_project, project  # noqa: F401

pytestmark = pytest.mark.docker


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
    today["config"]["Healthcheck"].pop("StartInterval", None)
    assert described == today


def test_what_left_the_profile_is_stopped(project: Project) -> None:
    chat, embedding = answering("chat"), answering("embedding")
    project.up(chat, embedding)
    project.up(chat)
    assert list(project.containers()) == ["chat"]


def test_a_container_that_was_stopped_from_outside_is_seen_and_started_again(project: Project) -> None:
    chat, embedding = answering("chat"), answering("embedding")
    project.up(chat, embedding)
    before = project.containers()["embedding"]
    docker("stop", "--time", "1", f"{project.name}-chat-1")
    assert found(project, "chat").state is State.EXITED
    (step,) = project.up(chat, embedding).plan.steps
    assert (step.verb, step.subject, step.cause) == ("start", "chat", "it is not running")
    assert project.containers()["embedding"] == before


def test_a_log_is_followed_across_restarts_and_into_the_next_container(project: Project) -> None:
    program = ("sh", "-c", "echo started; exec sleep 1000")
    stack = project.write(project.stack(answering("chat", command=program)))
    engine = project.deps.engine
    engine.open(stack)
    engine.start(stack.services[0], {})
    lines = engine.follow("chat", 5)
    assert next(lines) == "started"
    engine.signal("chat", "KILL")
    assert next(lines) == "started"
    engine.start(stack.services[0], {})
    assert next(lines) == "started"


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


def test_a_service_that_the_engine_restarted_before_is_waited_for_and_not_called_dead(project: Project) -> None:
    gated = "import os, time\nwhile not os.path.exists('/tmp/go'): time.sleep(0.05)\n"
    service = answering("chat")
    service = replace(service, command=("python3", "-c", gated + service.command[2]))
    stack, engine = project.write(project.stack(service)), project.deps.engine
    engine.open(stack)
    engine.start(service, fingerprint(service, project.deps.renderer.render(stack)))
    engine.signal("chat", "KILL")
    eventually(lambda: found(project, "chat").restarts == 1 and found(project, "chat").state in ALIVE)

    def open_gate(event: Event) -> None:
        if event.kind == "begin":
            docker("exec", f"{project.name}-chat-1", "touch", "/tmp/go")

    report = up(UpRequest(stack), project.deps, open_gate)
    assert [step.verb for step in report.plan.steps] == ["wait"]
    assert (report.exit_code, found(project, "chat").restarts) == (0, 1)


def test_a_paused_service_can_be_stopped(project: Project) -> None:
    project.up(answering("chat"))
    project.deps.engine.signal("chat", "STOP")
    project.deps.engine.stop("chat")
    assert project.containers() == {}
