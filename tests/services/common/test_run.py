"""A service as a process: how it refuses to start, and how it stops."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tests.free_ports import free_port

pytestmark = pytest.mark.process

SERVICE = """
import asyncio, sys
from fastapi import FastAPI
from aisuite.services.common import ServiceSettings, install, run

def create_app(settings):
    app = FastAPI()
    install(app, settings)

    @app.get("/slow")
    async def slow():
        print("begun", flush=True)
        await asyncio.sleep(0.5)
        return "done"

    return app

sys.exit(run(create_app, ServiceSettings))
"""


def start(**environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refusal(**environment: str) -> tuple[int, str]:
    process = start(**environment)
    _, complaint = process.communicate(timeout=30)
    return process.returncode, complaint


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "key"
    path.write_text("k")
    return str(path)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_bad_settings_are_one_line_and_exit_code_2() -> None:
    code, complaint = refusal(SERVICE_PORT="many")
    assert code == 2
    assert complaint.startswith("error: SERVICE_PORT: ")
    assert "SERVICE_API_KEY_FILE: Field required" in complaint
    assert complaint.count("\n") == 1


def test_a_missing_key_file_is_one_line_and_exit_code_3(tmp_path: Path) -> None:
    code, complaint = refusal(SERVICE_PORT=str(free_port()), SERVICE_API_KEY_FILE=str(tmp_path / "no-key"))
    assert code == 3
    assert complaint == f"error: cannot read the API key file {tmp_path / 'no-key'}: No such file or directory\n"


def test_a_taken_port_is_one_line_naming_the_address_and_exit_code_1(key_file: str, taken: int) -> None:
    code, complaint = refusal(SERVICE_PORT=str(taken), SERVICE_API_KEY_FILE=key_file)
    assert code == 1
    assert complaint == f"error: cannot listen on 127.0.0.1:{taken}: Address already in use\n"


def test_a_stopped_service_finishes_what_it_began_and_exits_with_0(key_file: str) -> None:
    port = free_port()
    process = start(SERVICE_PORT=str(port), SERVICE_API_KEY_FILE=key_file)
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while "startup complete" not in lines[-1]:
        lines.append(process.stdout.readline())
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer k"}) as client:
        while not answers(client):
            time.sleep(0.01)
        answered: list[httpx.Response] = []
        slow = Thread(target=lambda: answered.append(client.get("/slow", headers={"X-Request-ID": "req-1"})))
        slow.start()
        while process.stdout.readline() != "begun\n":
            pass
        process.send_signal(signal.SIGTERM)
        slow.join()
    rest, complaint = process.communicate(timeout=30)
    assert (process.returncode, complaint) == (0, "")
    assert answered[0].json() == "done"
    entries = [json.loads(line) for line in [*lines, *rest.splitlines()]]
    (access,) = [entry for entry in entries if entry["logger"] == "aisuite.services.access"]
    assert access.items() >= {"request_id": "req-1", "method": "GET", "path": "/slow", "status": 200}.items()


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/livez").status_code == 200
    except httpx.ConnectError:
        return False
