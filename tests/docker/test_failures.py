"""What goes wrong on a real engine ends with its cause, the line that proves it, a fix, and nothing left running."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import DockerException  # noqa: F401  early: as another user a test may not read Python's files

from aisuite.adapters.docker_engine import DockerEngine
from aisuite.errors import EngineUnavailable, GpuUnavailable
from aisuite.ops.up import UpRequest, up
from tests.docker.answering import Project, answering, docker
from tests.docker.failing import LLAMA, DockerSuite, build_images, image, remove_images
from tests.docker.passing_on import PassingOn
from tests.e2e.suite import wait_for
from tests.fakes.gpu import FakeCard, FakeGpu

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bed.place import Bed

pytestmark = pytest.mark.docker

_NOBODY = 65534


@pytest.fixture(scope="session")
def failing_images(docker_bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The images of which each fails in one way."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in docker_bed.variables().items():
            environment.setenv(name, value)
        build_images(tmp_path_factory.mktemp("images"))
        yield
        remove_images()


@pytest.fixture
def suite(docker_environment: Bed, failing_images: None, tmp_path: Path) -> Iterator[DockerSuite]:
    """A folder in which nothing was ever started; whatever a test leaves in the engine is removed."""
    fresh = DockerSuite(tmp_path, docker_environment)
    yield fresh
    fresh.clear()


def test_all_images_that_are_missing_are_named_before_anything_starts(suite: DockerSuite) -> None:
    suite.profile(llama="nowhere.invalid/llama:1")
    code, message, hint = suite.refused()
    assert (code, hint) == (5, "aisuite images pull")
    assert message == "inference-chat: the image nowhere.invalid/llama:1 is not on this machine"
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
    suite.profile(llama=image("fills-memory"), model="memory: 64MiB")
    code, message, hint = suite.refused()
    assert code == 5
    cause = "inference-chat: the kernel killed it at its memory limit of 64MiB (the engine saw it: oom)"
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
    assert '"curl": executable file not found' in failure["message"]
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


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_ctrl_c_at_any_moment_leaves_nothing_in_the_engine(suite: DockerSuite, seconds: float) -> None:
    suite.profile(llama=image("silent"))
    up = suite.start("up", "--profile", "./suite.yaml")
    time.sleep(seconds)
    up.send_signal(signal.SIGINT)
    _, err = up.communicate(timeout=60)
    assert (up.returncode, "Traceback" in err) == (130, False), err
    assert suite.left() == []


def test_of_two_ups_at_once_one_works_and_the_other_names_the_holder(suite: DockerSuite) -> None:
    suite.profile(llama=image("silent"))
    first = suite.start("up", "--profile", "./suite.yaml")
    wait_for(lambda: bool(suite.left()))
    code, message, hint = suite.refused()
    assert code == 3
    assert str(first.pid) in message
    assert str(first.pid) in hint
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert suite.left() == []


def test_down_cleans_up_after_a_killed_up(suite: DockerSuite) -> None:
    suite.profile(llama=image("silent"))
    up = suite.start("up", "--profile", "./suite.yaml")
    wait_for(lambda: any("inference-chat" in name for name in suite.left()))
    up.kill()
    up.communicate()
    assert suite.left() != []
    assert suite.run("down").code == 0
    assert suite.left() == []


def test_what_a_killed_up_left_is_taken_over_by_the_next(suite: DockerSuite) -> None:
    suite.profile(llama=image("answers"), gateway="silent")
    up = suite.start("up", "--profile", "./suite.yaml")
    wait_for(lambda: any("api-gateway" in name for name in suite.left()))
    up.kill()
    up.communicate()
    suite.profile(llama=image("answers"))
    code, again = suite.up()
    assert code == 0
    assert "start" not in {step["verb"] for step in again["plan"] if step["subject"] == "inference-chat"}


@pytest.mark.parametrize("request_line", [b"/networks/create", b"/containers/create", b"/start HTTP"])
def test_an_engine_that_dies_in_the_middle_is_named_and_the_next_up_heals(
    suite: DockerSuite, docker_environment: Bed, tmp_path: Path, request_line: bytes
) -> None:
    suite.profile(llama=image("answers"))
    with PassingOn(tmp_path / "engine.sock", docker_environment.socket, fatal=request_line) as dying:
        code, message, hint = suite.refused(DOCKER_HOST=f"unix://{dying.path}")
        assert dying.died
    assert code == 3
    assert str(dying.path) in message
    assert hint == "when it answers again: aisuite down"
    assert suite.up()[0] == 0
    assert suite.run("down").code == 0
    assert suite.left() == []


def test_what_an_engine_that_died_in_the_middle_has_kept_is_stopped_by_down(
    suite: DockerSuite, docker_environment: Bed, tmp_path: Path
) -> None:
    suite.profile(llama=image("answers"), gateway="silent")
    with PassingOn(tmp_path / "engine.sock", docker_environment.socket, fatal=b"/start HTTP") as dying:
        _, message, _ = suite.refused(DOCKER_HOST=f"unix://{dying.path}")
    assert "what was started could not be stopped again" in message
    assert suite.left() != []
    assert suite.run("down").code == 0
    assert suite.left() == []


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
