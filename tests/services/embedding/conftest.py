"""The embedding application in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from aisuite.services.embedding.app import create_app
from aisuite.services.embedding.settings import EmbeddingSettings

KEY = "k-embedding"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(KEY)
    return path


@pytest.fixture
def make_client(key_file: Path) -> Iterator[Callable[..., TestClient]]:
    def make(**changed: Any) -> TestClient:
        settings = EmbeddingSettings(service_port=8003, service_api_key_file=key_file, **changed)
        return TestClient(create_app(settings), headers={"Authorization": f"Bearer {KEY}"})

    return make


@pytest.fixture
def client(make_client: Callable[..., TestClient]) -> TestClient:
    return make_client()
