"""The RAG service as a process: it starts without its dependencies, and says what is wrong with its settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.free_ports import free_port

pytestmark = pytest.mark.process

SECONDS = 20
PROGRAM = [sys.executable, "-m", "aisuite.services.rag"]


def environment(key_file: Path, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RAG_", "QDRANT_"))}
    return {
        **inherited,
        "SERVICE_API_KEY_FILE": str(key_file),
        "API_GATEWAY_KEY_FILE": str(key_file),
        "RAG_DATA_DIR": str(key_file.parent / "rag"),
        "QDRANT_URL": "http://127.0.0.1:9",
        "EMBEDDING_URL": "http://127.0.0.1:9",
        "API_GATEWAY_URL": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        **more,
    }


def wait_for_health(port: int) -> httpx.Response:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_it_serves_before_its_dependencies_do_and_stops_when_told(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k")
    port = free_port()
    env = environment(tmp_path / "key", SERVICE_PORT=str(port))
    with subprocess.Popen(PROGRAM, env=env, stdout=subprocess.DEVNULL) as service:
        try:
            health = wait_for_health(port)
            assert health.status_code == 503
            assert all("no connection" in state for state in health.json()["dependencies"].values())
            service.send_signal(signal.SIGTERM)
            assert service.wait(SECONDS) == 0
        finally:
            service.kill()


def test_settings_that_cannot_work_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k")
    env = environment(tmp_path / "key", SERVICE_PORT="1", RAG_CHUNK_OVERLAP="400")
    ended = subprocess.run(PROGRAM, env=env, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "RAG_CHUNK_OVERLAP=400 is more than half of RAG_CHUNK_SIZE=512" in line
