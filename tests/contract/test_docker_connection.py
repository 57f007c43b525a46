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
