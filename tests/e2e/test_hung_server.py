"""Requests that are under way at a model server that hangs, with the real gateway in front of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from aisuite.resources import find_data_dir
from tests.e2e.suite import CODE_SAYS, Suite

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

PATIENCE = 50.0  # seconds; the gateway itself would wait for an answer for 60


@pytest.fixture
def hung(suite: Suite) -> Iterator[Suite]:
    """Models and gateway; the chat server is frozen, and nothing but the gateway does anything about it."""
    demo = (find_data_dir("profiles") / "demo.yaml").read_text(encoding="utf-8")
    (suite.folder / "left-alone.yaml").write_text(f"{demo}\nrestart_when_hung: false\n", encoding="utf-8")
    up = suite.run("up", "--phase", "1", "--profile", "left-alone.yaml")
    assert up.code == 0, up.err
    chat = psutil.Process(suite.services()["inference-chat"]["pid"])
    chat.suspend()
    yield suite
    chat.resume()


def test_requests_under_way_at_a_server_that_hangs_are_answered_by_the_other_one(hung: Suite) -> None:
    with ThreadPoolExecutor() as clients:
        answers = list(clients.map(lambda stream: _ask(hung, stream=stream), (False, True)))
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-litellm-model-id"].endswith(CODE_SAYS)


def _ask(suite: Suite, *, stream: bool) -> httpx.Response:
    key = (suite.state / "secrets" / "gateway_key").read_text().strip()
    return httpx.post(
        f"http://127.0.0.1:{suite.ports['API_GATEWAY_PORT']}/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        json={"model": "chat-7b", "messages": [{"role": "user", "content": "Hello"}], "stream": stream},
        timeout=PATIENCE,
    )
