"""Every refusal of the engine is told as what it means, with a way out."""

from __future__ import annotations

import pytest
from docker.errors import DockerException
from requests.exceptions import ConnectionError as NoConnection

from aisuite.adapters.docker_client import unreachable
from aisuite.adapters.docker_engine.faults import explain, translated
from aisuite.errors import AisuiteError, DiskFull, EngineUnavailable, GpuUnavailable, NotRunning, PortTaken, StepFailed

# As real engines (20.10 and 28) word them.
REFUSALS = [
    ("No such image: qdrant/qdrant:v1.17.0", StepFailed, "chat: its image qdrant/qdrant:v1.17.0 is not on"),
    (
        'could not select device driver "nvidia" with capabilities: [[gpu]]',
        GpuUnavailable,
        "chat: Docker gives containers no card here",
    ),
    (
        "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please update your driver",
        GpuUnavailable,
        "chat: the card's driver is too old for its image, which needs cuda>=12.8",
    ),
    (
        "failed to set up container networking: driver failed programming external connectivity on endpoint x-chat-1 "
        "(5c6a): Bind for 127.0.0.1:8001 failed: port is already allocated",
        PortTaken,
        "chat: its port 127.0.0.1:8001 is taken",
    ),
    (
        "driver failed programming external connectivity on endpoint x (0a): failed to bind host port for "
        "127.0.0.1:8001:10.201.0.2:8001/tcp: address already in use",
        PortTaken,
        "chat: its port is taken",
    ),
    (
        "Error starting userland proxy: listen tcp4 127.0.0.1:8001: bind: address already in use",
        PortTaken,
        "chat: its port 127.0.0.1:8001 is taken",
    ),
    ("mkdir /var/lib/docker/overlay2/ab: no space left on device", DiskFull, "chat: the disk is full"),
    (
        "invalid mount config for type \"bind\": bind source path does not exist: /srv/mod els",
        StepFailed,
        "chat: /srv/mod els is not on the machine that Docker runs on",
    ),
    (
        "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
        StepFailed,
        "chat: its limit of CPUs is above the 2.00 that Docker has",
    ),
    (
        'Conflict. The container name "/default-chat-1" is already in use by container "0aff". You have to remove',
        StepFailed,
        "chat: a container that is not of this project is called default-chat-1",
    ),
    ("network default_core not found", StepFailed, "chat: the project's network default_core is not there"),
    ("something new", StepFailed, "chat: Docker refuses: something new"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "message"), REFUSALS, ids=[text[:30] for text, *_ in REFUSALS])
def test_a_refusal_names_the_service_the_cause_and_a_way_out(text: str, kind: type[AisuiteError], message: str) -> None:
    error = explain("chat", text)
    assert type(error) is kind
    assert error.message.startswith(message)
    assert error.hint


def test_braces_in_a_refusal_are_only_text() -> None:
    assert explain("chat", "a {weird} {0} message").message.endswith("a {weird} {0} message")


@pytest.mark.parametrize(
    ("cause", "message", "hint"),
    [
        (PermissionError(13, "Permission denied"), "this user may not talk to Docker", "usermod -aG docker"),
        (FileNotFoundError(2, "No such file"), "no Docker answers", "start docker"),
        (ConnectionRefusedError(111, "refused"), "no Docker answers", "start docker"),
        (TimeoutError("timed out"), "does not answer: ", "docker version"),
    ],
)
def test_an_engine_that_cannot_be_reached_is_named_with_the_fix(
    cause: OSError, message: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/there.sock")
    # The SDK wraps what `requests` wraps.
    error = unreachable(DockerException("Error while fetching server API version", NoConnection("Aborted", cause)))
    assert isinstance(error, EngineUnavailable)
    assert "unix:///run/there.sock (DOCKER_HOST)" in error.message
    assert message in error.message
    assert hint in (error.hint or "")


def test_the_default_socket_is_named_when_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert "/var/run/docker.sock (DOCKER_HOST is not set)" in unreachable(FileNotFoundError()).message


def test_a_connection_lost_in_the_middle_is_an_engine_that_is_unavailable() -> None:
    with pytest.raises(EngineUnavailable), translated("chat"):
        raise NoConnection("Connection aborted", ConnectionResetError(104, "reset"))


def test_our_own_errors_pass_unchanged() -> None:
    with pytest.raises(NotRunning, match="as it was"), translated("chat"):
        raise NotRunning("as it was")
