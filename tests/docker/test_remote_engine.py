"""An engine that is not reached at its usual place: by context, by ssh, on a machine with other files."""

# ruff: noqa: F811  fixtures come by import
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aisuite.adapters.docker_client import connect, engine_address
from aisuite.errors import EngineUnavailable
from aisuite.ops.down import down
from tests.bed.place import Bed
from tests.docker.answering import Project, answering, docker, new_project, project  # noqa: F401
from tests.docker.failing import DockerSuite

pytestmark = pytest.mark.docker

# Whatever host is asked for, its engine is the bed's.
_SSH = """#!/bin/sh
echo "$@" >> "$0.asked"
while [ "$1" != -- ]; do shift; done
shift 2
DOCKER_HOST={engine} exec sh -c "$*"
"""


@pytest.fixture
def by_ssh(docker_environment: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host that ssh reaches, with a Docker Engine; returns where it is noted what ssh was asked."""
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(_SSH.format(engine=os.environ["DOCKER_HOST"]))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@localhost:2222")
    return program.with_name("ssh.asked")


@pytest.fixture
def context(docker_environment: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bed's engine as the context "box" of a Docker that uses another one by default."""
    url = os.environ["DOCKER_HOST"]
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.json").write_text(json.dumps({}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("DOCKER_HOST")
    docker("context", "create", "box", "--docker", f"host={url}")
    return url


def test_a_suite_runs_on_an_engine_behind_ssh(by_ssh: Path, project: Project) -> None:
    service = answering("chat", entrypoint=("sh", "-c", 'echo hello; exec "$@"', "sh"))
    assert project.up(service).exit_code == 0
    assert not project.up(service).plan
    assert project.deps.engine.log_tail("chat", 100)[0] == "hello"
    project.deps.engine.signal("chat", "STOP")
    project.deps.engine.signal("chat", "CONT")
    assert down(project.deps).stopped == ("chat",)
    assert project.left()["containers"] == []
    # Ours, and those of the docker command beside it.
    assert set(by_ssh.read_text().splitlines()) == {
        "-l me -p 2222 -o ConnectTimeout=30 -T -- localhost docker system dial-stdio"
    }


def test_a_host_that_ssh_does_not_reach_is_named(by_ssh: Path, tmp_path: Path) -> None:
    by_ssh.with_name("ssh").write_text("#!/bin/sh\nexit 255\n")
    with pytest.raises(EngineUnavailable, match="ssh://me@localhost:2222"):
        connect()


def test_the_context_that_the_docker_command_uses_is_ours_too(context: str) -> None:
    docker("context", "use", "box")
    assert engine_address() == context
    connect().close()


def test_a_context_by_variable_outdoes_the_current_one_and_docker_host_both(
    context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "box")
    assert engine_address() == context == docker("context", "inspect", "-f", "{{.Endpoints.docker.Host}}").strip()
    monkeypatch.setenv("DOCKER_HOST", "unix:///elsewhere.sock")
    assert (engine_address(), docker("context", "show").strip()) == ("unix:///elsewhere.sock", "default")


def test_a_context_that_does_not_exist_is_named(context: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    with pytest.raises(EngineUnavailable, match=r"no such Docker context: nowhere \(DOCKER_CONTEXT\)") as raised:
        connect()
    assert raised.value.hint == "docker context ls"


def test_files_that_exist_only_here_are_named_and_nothing_is_started(by_ssh: Path, tmp_path: Path) -> None:
    suite = DockerSuite(tmp_path / "suite", Bed.from_environment())
    suite.folder.mkdir()
    suite.profile(llama="aisuite-bed/python:3.11", gateway="answers", source="file: own.gguf")
    text = (suite.folder / "suite.yaml").read_text().replace("aisuite-bed-failing/answers:1", "aisuite-bed/python:3.11")
    (suite.folder / "models").mkdir()
    os.utime(suite.folder / "models", (0, 0))
    # A file system that only this command sees, in the place of one that the engine sees.
    script = 'mount -t tmpfs none . && cd "$PWD" && mkdir models && : > models/own.gguf && echo "$1" > suite.yaml'
    up = [sys.executable, "-m", "aisuite", "up", "--profile", "./suite.yaml", "--json"]
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f'{script}; shift; exec "$@"', "sh", text, *up],
        cwd=suite.folder,
        env=suite.env | {name: os.environ[name] for name in ("PATH", "DOCKER_HOST")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 3, ran.stderr
    error = json.loads(ran.stdout)["error"]
    first, *wrong = error["message"].splitlines()
    assert first == "Docker's machine has not the files of this one:"
    assert f"  {suite.folder}/models is something else there" in wrong
    assert f"  {suite.state}/secrets/gateway_key is not there" in wrong
    assert error["hint"].startswith("docker context ls")
    assert suite.left() == []
