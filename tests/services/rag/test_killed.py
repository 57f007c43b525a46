"""A job in the middle of which the service is killed goes on, with no chunk missing and none twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.free_ports import free_port

pytestmark = pytest.mark.process

SECONDS = 60
FILES = 120
KEY = "k-service"


class Services:
    """The vector store, the embedding service and RAG as processes."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._stack = stack
        self._ports = {name: free_port() for name in ("vectordb", "embedding", "rag")}
        self._folder = folder
        (folder / "key").write_text(KEY)
        self.client = stack.enter_context(
            httpx.Client(
                base_url=f"http://127.0.0.1:{self._ports['rag']}",
                headers={"Authorization": f"Bearer {KEY}"},
                trust_env=False,
                timeout=SECONDS,
            )
        )

    def start(self, name: str) -> subprocess.Popen[bytes]:
        key = str(self._folder / "key")
        nowhere = "http://127.0.0.1:9"
        variables = {
            "SERVICE_PORT": str(self._ports[name]),
            "SERVICE_API_KEY_FILE": key,
            "API_GATEWAY_KEY_FILE": key,
            "API_GATEWAY_URL": nowhere,
            "QDRANT_URL": f"http://127.0.0.1:{self._ports['vectordb']}",
            "EMBEDDING_URL": f"http://127.0.0.1:{self._ports['embedding']}",
            "RAG_DATA_DIR": str(self._folder / "rag"),
            "RAG_DOCUMENTS_DIR": str(self._folder / "documents"),
            "VECTORDB_DATA_DIR": str(self._folder / "points"),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", f"aisuite.services.{name}"],
            env={**os.environ, **variables},
            stdout=subprocess.DEVNULL,
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        self.wait_for(lambda: self._serves(name))
        return process

    def job(self, name: str) -> dict[str, Any]:
        status: dict[str, Any] = self.client.get(f"/jobs/{name}").json()
        return status

    def wait_for(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not happened():
            assert time.monotonic() < deadline, "it took too long"
            time.sleep(0.02)

    def _serves(self, name: str) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self._ports[name]}/livez", trust_env=False).is_success
        except httpx.TransportError:
            return False


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with ExitStack() as stack:
        services = Services(tmp_path, stack)
        for name in ("vectordb", "embedding"):
            services.start(name)
        yield services


def test_a_job_goes_on_after_a_kill_and_every_chunk_is_there_once(services: Services, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(FILES):
        parts = "\n".join(f"# 절 {part}\n문서 {number}의 내용 {part}입니다." for part in range(3))
        (folder / f"{number:03}.md").write_text(parts)
    rag = services.start("rag")
    order = {"collection": "docs", "path": "."}
    job = services.client.post("/index?wait=false", json=order).json()["job"]
    services.wait_for(lambda: services.job(job)["documents"] > 0)
    rag.kill()
    rag.wait()
    services.start("rag")
    services.wait_for(lambda: services.job(job)["state"] == "done")
    done = services.job(job)
    assert (done["documents"], done["total"], done["chunks"], done["skipped"]) == (FILES, FILES, 3 * FILES, [])
    stored = services.client.get("/collections/docs").json()
    assert (stored["documents"], stored["chunks"]) == (FILES, 3 * FILES)
    assert services.client.post("/reconcile").json() == {"requeued": 0, "deleted": 0}
