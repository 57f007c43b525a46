"""Which engine is meant is decided as the docker command decides it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aisuite.adapters.docker_client import DEFAULT_SOCKET, remote_host
from aisuite.adapters.docker_engine.local_socket import find_local_socket
from aisuite.cli.planning import open_cards


@pytest.fixture(autouse=True)
def docker_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


def test_without_any_setting_it_is_the_default_socket() -> None:
    assert find_local_socket() == DEFAULT_SOCKET.removeprefix("unix://")


def test_a_socket_in_docker_host_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    assert find_local_socket() == "/run/user/1000/docker.sock"


@pytest.mark.parametrize("url", ["tcp://10.0.0.2:2376", "ssh://box", "unix://", "nonsense"])
def test_any_other_engine_is_left_to_the_sdk(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", url)
    assert find_local_socket() is None


@pytest.mark.parametrize("config", [{"currentContext": "rootless"}, ["odd"]])
def test_a_context_is_left_to_the_sdk(config: object, docker_folder: Path) -> None:
    (docker_folder / "config.json").write_text(json.dumps(config))
    assert find_local_socket() is None


def test_a_configuration_without_a_context_changes_nothing(docker_folder: Path) -> None:
    (docker_folder / "config.json").write_text(json.dumps({"auths": {}}))
    assert find_local_socket() == DEFAULT_SOCKET.removeprefix("unix://")


def test_a_context_by_variable_is_left_to_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "box")
    assert find_local_socket() is None


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("unix:///var/run/docker.sock", None),
        ("tcp://127.0.0.1:2375", None),
        ("tcp://[::1]:2375", None),
        ("ssh://me@localhost:2222", None),
        ("tcp://10.0.0.2:2376", "10.0.0.2"),
        ("ssh://me@box", "box"),
        ("nonsense", None),
    ],
)
def test_an_address_names_another_machine_or_this_one(url: str, host: str | None) -> None:
    assert remote_host(url) == host


def test_the_cards_are_those_of_the_machine_on_which_the_engine_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.2:2376")
    cards = open_cards("docker")
    assert (cards.elsewhere(), cards.devices(), cards.driver()) == ("10.0.0.2", (), None)
    assert cards.why_none() == "Docker runs on 10.0.0.2, whose cards cannot be looked at from here"
    assert open_cards("process").elsewhere() is None
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/docker.sock")
    assert open_cards("docker").elsewhere() is None


def test_a_context_that_is_gone_is_told_by_who_asks_its_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    assert open_cards("docker").elsewhere() is None
