"""The reranker against a real model server with --rerank; its model is random, so only the wiring is judged."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from math import isfinite
from pathlib import Path

import httpx
import pytest
from anyio import run

from aisuite.adapters.demo_models import write_demo_model
from aisuite.services.rag.reranker import Reranker
from aisuite.services.rag.upstream import Upstream
from tests.free_ports import free_port

pytestmark = pytest.mark.process

CONTEXT = 256
START_SECONDS = 60


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    model = tmp_path_factory.mktemp("rerank") / "demo.gguf"
    write_demo_model(model, "Hello there, old friend.")
    port = free_port()
    flags = f"--port {port} -c {CONTEXT} -b {CONTEXT} -ub {CONTEXT} -np 1 -t 1 -ngl 0 --rerank"
    argv = [sys.executable, "-m", "aisuite.services.inference", "-m", str(model), *flags.split()]
    with (Path(model.parent) / "log").open("wb") as log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        try:
            wait_until_ready(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def wait_until_ready(url: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            if httpx.get(f"{url}/health", timeout=2).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"no model server at {url} after {START_SECONDS} s")


def judge(url: str, texts: list[str]) -> list[float]:
    async def ask() -> list[float]:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            return await Reranker(Upstream("reranker", client)).scores("Who is there?", texts)

    return run(ask)


def test_a_model_server_gives_each_text_one_number_in_the_order_asked_for(url: str) -> None:
    scores = judge(url, ["Hello there.", "친구가 왔습니다.", "old friend"])
    assert len(scores) == 3
    assert all(isfinite(score) for score in scores)
    assert scores == judge(url, ["Hello there.", "친구가 왔습니다.", "old friend"])


def test_a_text_that_the_server_cannot_take_whole_does_not_cost_the_search(url: str) -> None:
    assert len(judge(url, ["Hello there. " * 400, "old friend"])) == 2
