"""The embedding service as a process, called by an unmodified OpenAI client."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import pytest

from tests.free_ports import free_port

pytestmark = pytest.mark.process

START_SECONDS = 20


@contextmanager
def running_service(key_file: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    env = {**os.environ, "SERVICE_PORT": str(port), "SERVICE_API_KEY_FILE": str(key_file)}
    service = subprocess.Popen([sys.executable, "-m", "aisuite.services.embedding"], env=env, stdout=subprocess.DEVNULL)
    try:
        _wait_until_live(service, port)
        yield service
    finally:
        service.kill()
        service.wait()


def _wait_until_live(service: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and service.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/livez").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the embedding service did not start")


def test_the_openai_package_embeds_and_the_service_stops_when_told(key_file: Path) -> None:
    port = free_port()
    key = key_file.read_text()
    with running_service(key_file, port) as service:
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key) as client:
            answer = client.embeddings.create(model="hash-384", input=["스택은", "스택을"])
            as_floats = client.embeddings.create(model="hash-384", input="스택을", encoding_format="float")
            with pytest.raises(openai.UnprocessableEntityError, match="token arrays are not accepted"):
                client.embeddings.create(model="hash-384", input=[1, 2, 3])
        assert [len(item.embedding) for item in answer.data] == [384, 384]
        assert answer.data[1].embedding == pytest.approx(as_floats.data[0].embedding, abs=1e-7)
        service.send_signal(signal.SIGTERM)
        assert service.wait(START_SECONDS) == 0
