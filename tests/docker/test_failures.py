"""What goes wrong on a real engine ends with its cause, the line that proves it, a fix, and nothing left running."""

# ruff: noqa: F811  fixtures come by import
from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docker.errors import DockerException  # noqa: F401  early: as another user a test may not read Python's files

from aisuite.adapters.docker_engine.engine import DockerEngine
from aisuite.errors import EngineUnavailable, GpuUnavailable
from aisuite.ops.up import UpRequest, up
from tests.bed.place import Bed
from tests.docker.answering import Project, answering, docker
from tests.docker.failing import LLAMA, DockerSuite, image, suite  # noqa: F401
from tests.docker.passing_on import PassingOn
from tests.e2e.suite import wait_for
from tests.fakes.gpu import FakeCard, FakeGpu

pytestmark = pytest.mark.docker

_NOBODY = 65534


def test_an_image_that_cannot_be_fetched_is_named_before_anything_starts(suite: DockerSuite) -> None:
    suite.profile(llama="127.0.0.1:9/llama:1")
    code, message, hint = suite.refused()
    assert code == 3
    assert message.startswith("cannot fetch 127.0.0.1:9/llama:1")
    assert "aisuite images load" in hint
    assert suite.left() == []


def test_all_images_that_are_missing_are_named_when_nothing_may_be_fetched(suite: DockerSuite) -> None:
    suite.profile(llama="nowhere.invalid/llama:1")
    code, message, hint = suite.refused("--pull", "never")
    assert code == 3
    assert "nowhere.invalid/llama:1" in message
    assert "aisuite images" in hint
    assert suite.left() == []


def test_a_port_of_another_project_is_named_with_its_container(suite: DockerSuite) -> None:
    port = suite.ports["API_GATEWAY_PORT"]
    name = f"{suite.project}-holder"
    docker("run", "-d", "--name", name, "-p", f"127.0.0.1:{port}:1", "--entrypoint", "sleep", image("silent"), "60")
    try:
        suite.profile(llama=image("answers"))
        code, message, hint = suite.refused()
    finally:
        docker("rm", "-f", name)
    assert code == 3
    assert message == f"port {port} for api-gateway is held by the container {name}\nnothing was started"
    assert "another port in the profile" in hint
    assert suite.left() == []


def test_a_model_that_only_its_owner_may_read_is_named_with_the_command_that_opens_it(suite: DockerSuite) -> None:
    model = _own_model(suite, "private.gguf")
    model.chmod(0o600)
    # Somebody else's: root in a container without capabilities is no better than anybody.
    docker(
        "run", "--rm", "-v", f"{model.parent}:/m", "--entrypoint", "chown", image("silent"), "4242", "/m/private.gguf"
    )
    code, message, hint = suite.refused()
    assert code == 5
    assert message.startswith("inference-chat: it may not read its model file\n  its log says: ")
    assert "(Permission denied)" in message
    assert hint == f"let everybody read it: chmod a+r {model}"
    assert suite.left() == []


def test_a_model_that_is_a_link_out_of_its_folder_is_named(suite: DockerSuite, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.gguf"
    elsewhere.write_bytes(b"GGUF")
    model = _own_model(suite, "linked.gguf")
    model.unlink()
    model.symlink_to(elsewhere)
    code, message, hint = suite.refused()
    assert code == 5
    assert message.startswith("inference-chat: its model file is not there as it sees it")
    assert "(No such file or directory)" in message
    assert hint == f"see where it leads: readlink -f {model}"
    assert suite.left() == []


def test_a_file_that_is_no_model_is_named_with_the_command_that_fetches_it_again(suite: DockerSuite) -> None:
    _own_model(suite, "broken.gguf")
    code, message, hint = suite.refused()
    assert code == 5
    assert message.startswith("inference-chat: its model file cannot be loaded\n  its log says: ")
    assert hint == "fetch it again: aisuite models pull --force"
    assert suite.left() == []


def test_a_service_killed_for_memory_is_told_with_its_limit(suite: DockerSuite) -> None:
    suite.profile(llama=image("fills-memory"), model="memory: 1GiB")
    code, message, hint = suite.refused()
    assert code == 5
    cause = "inference-chat: the kernel killed it at its memory limit of 1GiB (the engine saw it: oom)"
    assert message == f"{cause}\n  its log says: filling"
    assert hint == "raise models.chat.memory in the profile, then: aisuite up"
    assert suite.left() == []


def test_a_service_that_ends_again_and_again_is_told_with_its_exit_code_and_last_line(suite: DockerSuite) -> None:
    suite.profile(llama=image("ends"))
    code, message, hint = suite.refused()
    assert code == 5
    assert message.startswith("inference-chat: it ended with exit code 3")
    assert message.endswith("its log says: this is odd")
    assert hint == "read its log: aisuite logs inference-chat"
    assert "this is odd" in suite.run("logs", "inference-chat").out  # though its container is gone
    assert suite.left() == []


def test_the_engine_counts_every_end_of_a_service_whatever_its_container_tells_now(suite: DockerSuite) -> None:
    project = Project(suite.state, suite.project)
    stack = project.write(project.stack(answering("chat", command=("sh", "-c", "exit 3"))))
    engine = project.deps.engine
    engine.open(stack)
    engine.start(stack.services[0], {})
    wait_for(lambda: len(engine.examine("chat").exit_codes) >= 2)
    assert set(engine.examine("chat").exit_codes) == {3}
    assert not engine.examine("chat").out_of_memory


def test_a_service_that_never_answers_is_named_and_what_needs_it_is_not_started(suite: DockerSuite) -> None:
    suite.profile(llama=image("silent"))
    profile = suite.folder / "suite.yaml"
    profile.write_text(profile.read_text().replace("deadline: 20s", "deadline: 2s"))
    code, message, _ = suite.refused()
    assert code == 5
    assert message.startswith("inference-chat: not ready after 2s; it says: ")
    assert message.endswith("its log says: waiting")
    assert suite.left() == []


def test_a_limit_above_the_cores_of_the_machine_becomes_its_cores(suite: DockerSuite) -> None:
    suite.profile(llama=image("answers"), model="cpus: 512")
    code, _ = suite.up()
    assert code == 0
    (found,) = json.loads(docker("inspect", f"{suite.project}-inference-chat-1"))
    cores = int(docker("info", "--format", "{{.NCPU}}"))
    assert 0 < found["HostConfig"]["NanoCpus"] <= cores * 10**9


def test_an_image_without_the_health_command_is_named_although_the_service_answers(suite: DockerSuite) -> None:
    suite.profile(llama=image("no-curl"))
    suite.up()
    wait_for(lambda: bool(_health_log(suite, "inference-chat")))
    code, again = suite.up()
    (failure,) = again["failures"]
    assert (code, again["degraded"], again["plan"]) == (5, True, [])
    assert failure["message"].startswith("inference-chat: it answers, but its image lacks the health command")
    assert "curl: not found" in failure["message"]
    assert "images: in the profile" in failure["hint"]


def test_a_rendered_file_that_was_edited_by_hand_is_written_again_and_nothing_restarts(suite: DockerSuite) -> None:
    suite.profile(llama=image("answers"))
    assert suite.up()[0] == 0
    before, path = suite.left(), suite.state / "compose.yaml"
    text = path.read_text()
    path.write_text(text.replace("init: true", "privileged: true"))
    code, again = suite.up()
    assert (code, again["plan"], again["rewritten"]) == (0, [], ["compose.yaml"])
    assert (path.read_text(), suite.left()) == (text, before)


def test_without_an_engine_nothing_is_written_and_the_command_that_starts_one_is_named(
    suite: DockerSuite, tmp_path: Path
) -> None:
    suite.profile(llama=image("answers"))
    code, message, hint = suite.refused(DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert (code, hint) == (3, "sudo systemctl start docker")
    assert message == f"no Docker answers at unix://{tmp_path}/none.sock (DOCKER_HOST)"
    assert not (suite.state / "compose.yaml").exists()


def test_a_user_who_may_not_use_the_socket_is_told_how_to_become_one_who_may(
    docker_environment: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "roots.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with PassingOn(path, docker_environment.socket):
        path.chmod(0o600)
        os.seteuid(_NOBODY)
        try:
            with pytest.raises(EngineUnavailable) as raised:
                DockerEngine(tmp_path, "nothing").observe()
        finally:
            os.seteuid(0)
    assert raised.value.message == f"this user may not talk to Docker at unix://{path} (DOCKER_HOST)"
    assert str(raised.value.hint).startswith("sudo usermod -aG docker $USER")
    assert raised.value.exit_code == 3


def test_a_socket_that_is_not_dockers_is_named(suite: DockerSuite, tmp_path: Path) -> None:
    suite.profile(llama=image("answers"))
    with socket.socket(socket.AF_UNIX) as door:
        path = tmp_path / "mute.sock"
        door.bind(str(path))
        door.listen()
        closing = threading.Thread(target=_close_all, args=(door,), daemon=True)
        closing.start()
        code, message, hint = suite.refused(DOCKER_HOST=f"unix://{path}")
        door.shutdown(socket.SHUT_RDWR)
        closing.join()
    assert (code, hint) == (3, "docker version")
    assert str(path) in message


def test_a_card_that_docker_cannot_give_is_never_replaced_by_the_cpu(suite: DockerSuite) -> None:
    project = Project(suite.state, suite.project)
    stack = replace(project.stack(answering("chat", gpu=True)), gpu_device=0)
    deps = replace(project.deps, gpu=FakeGpu(FakeCard("a card")))
    with pytest.raises(GpuUnavailable, match="could not select device driver") as raised:
        up(UpRequest(stack), deps)
    assert raised.value.exit_code == 3
    assert "aisuite up --profile phase2-cpu" in str(raised.value.hint)
    assert suite.left() == []


def test_a_foreign_container_with_our_name_is_left_alone_and_named(suite: DockerSuite) -> None:
    name = f"{suite.project}-inference-chat-1"
    docker("create", "--name", name, image("silent"))
    try:
        suite.profile(llama=image("answers"))
        code, message, hint = suite.refused()
    finally:
        docker("rm", name)  # fails when it was touched
    assert (code, hint) == (5, f"docker rename {name} {name}-old")
    assert message == f"inference-chat: a container that is not of this project is called {name}"
    assert suite.left() == []


def test_a_foreign_network_with_our_name_is_left_alone_and_named(suite: DockerSuite) -> None:
    name = f"{suite.project}_core"
    docker("network", "create", name)
    try:
        suite.profile(llama=image("answers"))
        code, message, hint = suite.refused()
    finally:
        docker("network", "rm", name)
    assert (code, hint) == (5, f"docker network rm {name}")
    assert message == f"the network {name} is not of this project"
    assert suite.left() == []


def _close_all(door: socket.socket) -> None:
    with suppress(OSError):
        while True:
            door.accept()[0].close()


def _health_log(suite: DockerSuite, service: str) -> list[Any]:
    (found,) = json.loads(docker("inspect", f"{suite.project}-{service}-1"))
    return list(found["State"]["Health"]["Log"] or ())


def _own_model(suite: DockerSuite, name: str) -> Path:
    """Write a profile for a file of one's own on the real model server; return the file, which is no model."""
    models = suite.folder / "models"
    models.mkdir()
    (models / name).write_bytes(b"this is no GGUF file")
    suite.profile(llama=LLAMA, source=f"file: {name}")
    return models / name
