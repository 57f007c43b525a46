"""What is interrupted, killed or run twice at once leaves nothing that the next command does not put right."""

# ruff: noqa: F811  fixtures come by import
from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.bed.place import Bed
from tests.docker.answering import docker
from tests.docker.failing import DockerSuite, image, suite  # noqa: F401
from tests.docker.passing_on import PassingOn
from tests.e2e.suite import as_a_shell_tells, wait_for

pytestmark = pytest.mark.docker


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_ctrl_c_at_any_moment_leaves_nothing_in_the_engine(suite: DockerSuite, seconds: float) -> None:
    suite.profile(llama=image("silent"))
    up = suite.start("up", "--profile", "./suite.yaml")
    time.sleep(seconds)
    up.send_signal(signal.SIGINT)
    _, err = up.communicate(timeout=60)
    assert (as_a_shell_tells(up.returncode), "Traceback" in err) == (130, False), err
    assert suite.left() == []


def test_ctrl_c_in_a_second_up_stops_what_that_one_began_and_leaves_the_rest(suite: DockerSuite) -> None:
    suite.profile(llama=image("answers"))
    assert suite.up()[0] == 0
    before = docker("inspect", "-f", "{{.Id}}", f"{suite.project}-inference-chat-1")
    suite.profile(llama=image("answers"), gateway="silent")
    second = suite.start("up", "--profile", "./suite.yaml")
    wait_for(lambda: _image_of(suite, "api-gateway") == image("silent"))
    second.send_signal(signal.SIGINT)
    _, err = second.communicate(timeout=60)
    assert (as_a_shell_tells(second.returncode), "Traceback" in err) == (130, False), err
    assert docker("inspect", "-f", "{{.Id}}", f"{suite.project}-inference-chat-1") == before
    assert f"{suite.project}-api-gateway-1" not in suite.left()
    suite.profile(llama=image("answers"))
    code, again = suite.up()
    assert (code, [step["subject"] for step in again["plan"]]) == (0, ["api-gateway"])


def test_a_down_that_is_interrupted_is_finished_by_the_next(suite: DockerSuite) -> None:
    suite.profile(llama=image("silent"), gateway="silent")
    up = suite.start("up", "--profile", "./suite.yaml")
    wait_for(lambda: any("inference-chat" in name for name in suite.left()))
    up.kill()
    up.communicate()
    first = suite.start("down")
    time.sleep(0.7)
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=60)
    assert (as_a_shell_tells(first.returncode) in {0, 130}, "Traceback" in err) == (True, False), err
    assert suite.run("down").code == 0
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


def _image_of(suite: DockerSuite, service: str) -> str:
    """Return the image of a service's container, empty while there is none."""
    name = f"{suite.project}-{service}-1"
    return docker("ps", "-a", "--filter", f"name={name}", "--format", "{{.Image}}").strip()
