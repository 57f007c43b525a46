"""The llamacpp backend on a real model server."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from aisuite.adapters.demo_models import write_demo_model
from aisuite.services.common import OK, StartError
from aisuite.services.embedding.backend import Backend, BackendFailed, ModelUnready
from aisuite.services.embedding.backends import choose_backend
from aisuite.services.embedding.settings import EmbeddingSettings
from tests.free_ports import free_port

pytestmark = pytest.mark.process

KEY = "k-llama"
CONTEXT = 256  # tokens: llama-server rounds less up to this
START_SECONDS = 30


@dataclass
class Server:
    """A model server with --embedding, and what a client needs to call it."""

    process: subprocess.Popen[bytes]
    url: str
    key_file: Path

    def settings(self, **changed: object) -> dict[str, object]:
        return {
            "embedding_backend": "llamacpp",
            "embedding_model": "demo",
            "embedding_llama_url": self.url,
            "embedding_llama_key_file": self.key_file,
            **changed,
        }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("llama")
    write_demo_model(path / "demo.gguf", "Hello there, old friend.")
    (path / "key").write_text(KEY)
    return path


def start(folder: Path) -> Server:
    port = free_port()
    flags = f"--port {port} -c {CONTEXT} -b {CONTEXT} -ub {CONTEXT} -np 1 -t 1 -ngl 0 --embedding --pooling mean"
    argv = [sys.executable, "-m", "aisuite.services.inference", "-m", str(folder / "demo.gguf"), *flags.split()]
    argv += ["--api-key-file", str(folder / "key")]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return Server(process, f"http://127.0.0.1:{port}", folder / "key")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    server = start(folder)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def settings(server: Server, **changed: object) -> EmbeddingSettings:
    return EmbeddingSettings.model_validate(
        {"service_port": 1, "service_api_key_file": "key", **server.settings(**changed)}
    )


def open_when_ready(settings: EmbeddingSettings) -> Backend:
    opener, deadline = choose_backend(settings), time.monotonic() + START_SECONDS
    while True:
        try:
            return opener()
        except ModelUnready:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.fixture(scope="module")
def backend(server: Server) -> Iterator[Backend]:
    backend = open_when_ready(settings(server))
    yield backend
    backend.close()


def test_the_server_tells_its_limit_and_its_vectors_have_length_1(backend: Backend) -> None:
    assert backend.card.max_tokens == CONTEXT
    vectors = backend.embed(["Hello", "friend.", "안녕하세요"]).vectors
    assert {len(vector) for vector in vectors} == {backend.card.dim}
    for vector in vectors:
        assert math.sqrt(sum(value * value for value in vector)) == pytest.approx(1, abs=1e-5)
    assert vectors[0] != vectors[1]
    assert backend.state() == OK


def test_a_text_over_the_limit_is_cut_told_and_like_its_beginning(backend: Backend) -> None:
    long = "x" * 3 * CONTEXT
    embedded = backend.embed(["Hello", long, long[: CONTEXT // 2]])
    assert embedded.truncated == (1,)
    assert embedded.vectors[1] == pytest.approx(embedded.vectors[2], abs=0.05)
    assert sum(embedded.tokens) >= CONTEXT
    assert len(embedded.tokens) == 3


def test_the_service_embeds_by_the_server_and_loses_it_with_a_reason(
    make_client: Callable[..., TestClient], folder: Path
) -> None:
    server = start(folder)
    try:
        open_when_ready(settings(server)).close()
        with make_client(**server.settings(embedding_passage_prefix="Hello ")) as client:
            wait_until_ready(client)
            prefixed = client.post("/embed", json={"texts": ["there,"]}).json()["embeddings"]
            plain = client.post("/embed", json={"texts": ["Hello there,"], "kind": "query"}).json()["embeddings"]
            server.process.kill()
            server.process.wait()
            refused = client.post("/embed", json={"texts": ["there,"]})
        assert prefixed == plain
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        assert "no answer from" in refused.json()["error"]["message"]
    finally:
        server.process.kill()
        server.process.wait()


def test_a_wrong_key_and_a_missing_server_are_told_apart(server: Server, backend: Backend, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("k-other")
    with pytest.raises(ModelUnready, match="answers 401"):
        choose_backend(settings(server, embedding_llama_key_file=wrong))()
    with pytest.raises(ModelUnready, match="no answer from"):
        choose_backend(settings(server, embedding_llama_url=f"http://127.0.0.1:{free_port()}"))()
    with pytest.raises(StartError, match="cannot read EMBEDDING_LLAMA_KEY_FILE"):
        choose_backend(settings(server, embedding_llama_key_file=tmp_path / "none"))


def test_a_lost_server_is_a_failure_that_may_pass(folder: Path) -> None:
    server = start(folder)
    backend = open_when_ready(settings(server))
    server.process.kill()
    server.process.wait()
    with pytest.raises(BackendFailed) as lost:
        backend.embed(["Hello"])
    assert lost.value.status == 503
    assert "no answer from" in backend.state()
    backend.close()


def wait_until_ready(client: TestClient) -> httpx.Response:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        answer = client.get("/health")
        if answer.status_code == 200:
            return answer
        time.sleep(0.02)
    raise AssertionError(client.get("/health").text)


def test_tokens_are_counted_by_the_server(backend: Backend) -> None:
    short, long = backend.count(["hello", "hello " * 2 * CONTEXT])
    assert short == backend.embed(["hello"]).tokens[0]
    assert long > CONTEXT
