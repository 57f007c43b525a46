"""What answers at an engine's address is asked for its version before anything else."""

from __future__ import annotations

import json

import pytest

from aisuite.adapters.docker_client import connect
from aisuite.errors import EngineUnavailable
from tests.contract.http_server import Reply, serve


def test_an_engine_that_is_too_old_is_named_with_the_one_that_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    version = json.dumps({"ApiVersion": "1.40", "Version": "19.03.15"}).encode()
    with serve([Reply(200, version)]) as server:
        address = server.url.replace("http", "tcp")
        monkeypatch.setenv("DOCKER_HOST", address)
        with pytest.raises(EngineUnavailable, match=r"speaks the API 1\.40; aisuite needs 1\.41") as raised:
            connect()
    assert address in raised.value.message
    assert "Docker Engine 20.10" in raised.value.message
    assert str(raised.value.hint).startswith("docker version")


@pytest.mark.parametrize("url", ["ssh://box:abc", "tcp://box:99999999", "nonsense://box", "tcp://[", "unix://"])
def test_an_address_that_cannot_be_meant_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", url)
    with pytest.raises(EngineUnavailable) as raised:
        connect()
    assert f"{url} (DOCKER_HOST)" in raised.value.message


def test_a_machine_without_ssh_is_told_that_it_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://box")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineUnavailable, match="there is no program ssh on this machine"):
        connect()
