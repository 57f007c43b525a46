"""The RAG application in this process, with the real vector store and embedding service behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from starlette.testclient import TestClient

from aisuite.services.embedding import app as embedding
from aisuite.services.embedding.settings import EmbeddingSettings
from aisuite.services.rag import app as rag
from aisuite.services.rag.settings import RagSettings
from aisuite.services.vectordb import app as vectordb
from aisuite.services.vectordb.settings import VectorDbSettings
from tests.services.rag.harness import GATEWAY_KEY, KEY, FakeGateway, Stack, Wire


@pytest.fixture(autouse=True)
def _health_is_asked_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisuite.services.rag.health._REMEMBERED_SECONDS", 0.0)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "gateway-key").write_text(GATEWAY_KEY)
    return {
        "service_port": 8002,
        "rag_data_dir": tmp_path / "rag",
        "service_api_key_file": tmp_path / "key",
        "api_gateway_key_file": tmp_path / "gateway-key",
        "qdrant_url": "http://qdrant:6333",
        "embedding_url": "http://embedding:8003",
        "api_gateway_url": "http://gateway:8000/v1",
        "qdrant_retry_min_wait": 0,
        "qdrant_retry_max_wait": 0,
    }


@pytest.fixture
def make_stack(settings: dict[str, Any], tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    with ExitStack() as stack:
        key_file = settings["service_api_key_file"]
        gateway = FakeGateway()
        # Every write is flushed: in memory the tests do not wait for a disk that others keep busy.
        memory = Path("/dev/shm")
        data = stack.enter_context(TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path))
        store = vectordb.create_app(
            VectorDbSettings(service_port=6333, service_api_key_file=key_file, vectordb_data_dir=Path(data) / "points")
        )
        stack.enter_context(TestClient(store))
        embedder = embedding.create_app(EmbeddingSettings(service_port=8003, service_api_key_file=key_file))

        settings["rag_data_dir"] = Path(data) / "rag"

        def make(**changed: Any) -> Stack:
            wires = {rag.QDRANT: Wire(store), rag.EMBEDDING: Wire(embedder), rag.GATEWAY: Wire(gateway)}
            wires |= {name: Wire(None) for name in (rag.RERANKER, rag.INFERENCE_CHAT, rag.INFERENCE_CODE)}
            app = rag.create_app(RagSettings(**{**settings, **changed}), wires)
            client = TestClient(app, headers={"Authorization": f"Bearer {KEY}"})
            return Stack(stack.enter_context(client), gateway, wires)

        yield make


@pytest.fixture
def stack(make_stack: Callable[..., Stack]) -> Stack:
    return make_stack()
