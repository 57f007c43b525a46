"""A stack is rendered for the engine that will run it, if there is one to ask."""

from __future__ import annotations

import http.server
import json
import shutil
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aisuite.adapters.docker_engine import site_facts
from aisuite.adapters.docker_engine.site_facts import EngineFacts, ask_engine, find_loaded
from aisuite.errors import EngineUnavailable
from aisuite.stack.image_lock import Locked

HERE, THERE = "sha256:" + "1" * 64, "sha256:" + "2" * 64
LOCK = {"team/image:1.0": Locked(digest=THERE, id=HERE)}


@contextmanager
def answering(body: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be an engine on a socket that says `body` to everything; the path of a socket must be short."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

        def address_string(self) -> str:
            return "socket"

    folder = Path(tempfile.mkdtemp())
    try:
        with socketserver.UnixStreamServer(str(folder / "s"), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            monkeypatch.setenv("DOCKER_HOST", f"unix://{folder / 's'}")
            try:
                yield
            finally:
                server.shutdown()
                thread.join()
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(("said", "expected"), [("1.41", (1, 41)), ("1.51", (1, 51))])
def test_an_engine_on_this_machine_is_asked(
    said: str, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(json.dumps({"ApiVersion": said}).encode(), monkeypatch):
        assert ask_engine(will_run=False) == EngineFacts(expected)


@pytest.mark.parametrize("body", [b"{}", b"not JSON", b'{"ApiVersion": "new"}', b'{"ApiVersion": null}'])
def test_an_answer_that_makes_no_sense_is_none(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(body, monkeypatch):
        assert ask_engine(will_run=False) == EngineFacts()


@pytest.mark.parametrize("will_run", [False, True])
def test_nobody_there_is_no_fault(will_run: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none'}")
    assert ask_engine(will_run=will_run) == EngineFacts()


def test_an_engine_far_away_is_asked_only_when_it_will_run_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def connect() -> Any:
        asked.append("asked")
        raise EngineUnavailable("nobody answers")

    monkeypatch.setattr(site_facts, "connect", connect)
    monkeypatch.setenv("DOCKER_HOST", "tcp://box:2376")
    assert ask_engine(will_run=False) == EngineFacts()
    assert asked == []
    assert ask_engine(will_run=True) == EngineFacts()
    assert asked == ["asked"]


def test_the_engine_that_will_run_the_stack_tells_its_cores_and_the_cards_it_can_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cards = [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}, {"Source": "other", "ID": "nvidia.com/gpu=1"}]
    said = {"ApiVersion": "1.51", "NCPU": 4, "DiscoveredDevices": cards}
    with answering(json.dumps(said).encode(), monkeypatch):
        assert ask_engine(will_run=True) == EngineFacts((1, 51), 4, frozenset({"nvidia.com/gpu=0"}))


@pytest.mark.parametrize(
    ("said", "rootless"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}, True),
        ({"SecurityOptions": ["name=seccomp,profile=default"], "Rootless": True}, True),
        ({"SecurityOptions": ["name=seccomp,profile=default"], "Rootless": False}, False),
        ({"SecurityOptions": None}, False),
    ],
)
def test_an_engine_without_root_is_known(
    said: dict[str, object], rootless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(json.dumps({"ApiVersion": "1.51", **said}).encode(), monkeypatch):
        assert ask_engine(will_run=True).rootless is rootless


def test_an_engine_that_lists_no_cards_has_none_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(b'{"ApiVersion": "1.41", "NCPU": 2, "DiscoveredDevices": null}', monkeypatch):
        assert ask_engine(will_run=True) == EngineFacts((1, 41), 2)


@pytest.mark.parametrize(
    ("image", "loaded"),
    [
        ({"Id": HERE, "RepoDigests": []}, True),
        ({"Id": HERE, "RepoDigests": None}, True),
        ({"Id": HERE, "RepoDigests": [f"team/image@{THERE}"]}, False),
        ({"Id": THERE, "RepoDigests": []}, False),
    ],
)
def test_an_image_of_the_locks_id_without_a_digest_came_in_a_file(
    image: dict[str, object], loaded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(json.dumps(image).encode(), monkeypatch):
        assert bool(find_loaded(LOCK, will_run=False)) is loaded


def test_without_an_engine_no_image_came_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none'}")
    assert find_loaded(LOCK, will_run=True) == frozenset()
