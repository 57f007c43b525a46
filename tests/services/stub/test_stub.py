"""The stand-in answers as badly as it is told, and no worse."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from aisuite.services.stub.app import create_app
from aisuite.services.stub.settings import Mode, StubSettings
from aisuite.services.stub.streams import Stream
from tests.contract.waiting import eventually
from tests.free_ports import free_port

KEY = "k-stub"
ASKED = {"model": "chat", "messages": [{"role": "user", "content": "Hello"}]}
CHAT = "/v1/chat/completions"

MakeClient = Callable[..., TestClient]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(KEY)
    return path


@pytest.fixture
def make_client(key_file: Path) -> MakeClient:
    def make(mode: Mode, **changed: Any) -> TestClient:
        settings = StubSettings(service_port=8001, service_api_key_file=key_file, stub_mode=mode, **changed)
        return TestClient(create_app(settings), headers={"Authorization": f"Bearer {KEY}"})

    return make


def events(text: str) -> list[str]:
    return [line.removeprefix("data: ") for line in text.splitlines() if line]


@pytest.mark.parametrize("mode", ["500", "503", "429"])
@pytest.mark.parametrize("stream", [False, True])
def test_it_refuses_with_the_status_of_its_mode(make_client: MakeClient, mode: Mode, stream: bool) -> None:
    answer = make_client(mode).post(CHAT, json=ASKED | {"stream": stream})
    assert (answer.status_code, answer.json()["error"]["code"]) == (int(mode), int(mode))


def test_it_is_unready_while_it_loads_and_well_in_every_other_mode(make_client: MakeClient) -> None:
    modes: tuple[Mode, ...] = ("503", "500", "429", "garbage", "slow", "cut", "stall", "poisoned")
    healths = [make_client(mode).get("/health", headers={"Authorization": ""}).status_code for mode in modes]
    assert healths == [503] + [200] * 7


def test_garbage_is_no_json(make_client: MakeClient) -> None:
    answer = make_client("garbage").post(CHAT, json=ASKED)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_slow_answer_is_whole(make_client: MakeClient) -> None:
    answer = make_client("slow", stub_delay=0.01, stub_model="chat").post(CHAT, json=ASKED)
    assert answer.json()["model"] == "chat"
    assert answer.json()["choices"][0]["finish_reason"] == "stop"


def test_only_a_poisoned_request_gets_a_500(make_client: MakeClient) -> None:
    client = make_client("poisoned", stub_poison="arsenic")
    poisoned = {"messages": [{"role": "user", "content": "with arsenic"}]}
    assert [client.post(CHAT, json=one).status_code for one in (ASKED, poisoned, ASKED)] == [200, 500, 200]


def test_a_whole_stream_ends_with_its_reason_and_done(make_client: MakeClient) -> None:
    answer = make_client("poisoned").post(CHAT, json=ASKED | {"stream": True})
    *pieces, last, done = events(answer.text)
    assert "".join(json.loads(one)["choices"][0]["delta"]["content"] for one in pieces) == "Hello from the stand-in."
    assert json.loads(last)["choices"][0]["finish_reason"] == "stop"
    assert done == "[DONE]"


def test_a_stalled_stream_says_two_words_and_waits_for_its_client_to_go() -> None:
    sent: list[dict[str, Any]] = []
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def listen() -> None:
        task = asyncio.create_task(Stream("chat", end="stall")({}, receive, send))
        while len(sent) < 3:
            await asyncio.sleep(0)
        assert not task.done()
        gone.set()
        await task

    asyncio.run(listen())
    assert [message.get("more_body") for message in sent] == [None, True, True]


def test_a_request_without_the_key_is_refused(make_client: MakeClient) -> None:
    assert make_client("slow").post(CHAT, json=ASKED, headers={"Authorization": "Bearer x"}).status_code == 401


def test_what_is_no_json_gets_a_plain_answer(make_client: MakeClient) -> None:
    assert make_client("cut").post(CHAT, content=b"\xff").status_code == 200


@pytest.fixture
def cutting(key_file: Path) -> Iterator[str]:
    """Run the stand-in as the engines do; return its address."""
    port = free_port()
    settings = {"SERVICE_PORT": str(port), "SERVICE_API_KEY_FILE": str(key_file), "STUB_MODE": "cut"}
    command = [sys.executable, "-m", "aisuite.services.stub"]
    with subprocess.Popen(command, env=os.environ | settings, stderr=subprocess.DEVNULL) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.mark.process
def test_a_cut_stream_breaks_off_midway(cutting: str) -> None:
    def is_up() -> bool:
        try:
            return httpx.get(f"{cutting}/health").status_code == 200
        except httpx.TransportError:
            return False

    eventually(is_up)
    heard = bytearray()
    with pytest.raises(httpx.RemoteProtocolError):
        listen(cutting + CHAT, heard)
    assert b"Hello" in heard
    assert b"[DONE]" not in heard


def listen(url: str, heard: bytearray) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.stream("POST", url, json=ASKED | {"stream": True}, headers=headers) as answer:
        for piece in answer.iter_raw():
            heard += piece
