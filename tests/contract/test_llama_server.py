"""One suite for the model servers we can start: the launcher of the wheel, and llama-server where PATH has it."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from aisuite.adapters.demo_models import write_demo_model
from aisuite.vram.model import ServerFlags
from aisuite.vram.readback import InForce, compare, parse_load_log, with_answers
from tests.contract.waiting import eventually
from tests.free_ports import free_port

pytestmark = pytest.mark.process

SENTENCE = "Hello! I am a tiny demo model, from inference-chat."
LAUNCHER = (sys.executable, "-m", "aisuite.services.inference")
ON_PATH = shutil.which("llama-server")
PROGRAMS = {"launcher": LAUNCHER} | ({"path": (ON_PATH,)} if ON_PATH else {})
SAMPLING = ("--temp", "0.3", "--top-p", "0.9", "--repeat-penalty", "1.05")


@dataclass
class Server:
    """A running model server."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    log: Path

    def chat(self, *messages: dict[str, str], **more: Any) -> dict[str, Any]:
        answer = self.client.post("/v1/chat/completions", json={"messages": messages, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def props(self) -> dict[str, Any]:
        return self.client.get("/props").json()

    def sampling(self) -> dict[str, Any]:
        return self.props()["default_generation_settings"]["params"]

    def status(self, path: str, method: str = "GET", **more: Any) -> int:
        return self.client.request(method, path, **more).status_code

    def healthy(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.status("/health") == 200
        except httpx.TransportError:
            return False


Start = Callable[..., Server]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "demo.gguf"
    write_demo_model(path, SENTENCE)
    return path


@pytest.fixture(scope="module", params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return PROGRAMS[request.param]


@pytest.fixture(scope="module")
def start(program: tuple[str, ...], model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start servers of one program, and end them with the module."""
    running: list[Server] = []

    def start(*flags: str, key: str = "") -> Server:
        port = free_port()
        log = tmp_path_factory.mktemp("log") / "server.log"
        argv = [*program, "-m", str(model), "--host", "127.0.0.1", "--port", str(port), "-t", "1", *flags]
        with log.open("wb") as file:
            process = subprocess.Popen(argv, stdout=file, stderr=file)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=20)
        server = Server(process, client, log)
        running.append(server)
        eventually(server.healthy)
        return server

    yield start
    for server in running:
        server.client.close()
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="module")
def plain(start: Start) -> Server:
    """A server as the demo profile starts one."""
    return start("-a", "chat", "-c", "4096", "-np", "2", "--fit", "off", "--jinja", "--metrics", *SAMPLING)


def says(answer: dict[str, Any]) -> str:
    return answer["choices"][0]["message"]["content"]


USER = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    "messages",
    [
        [USER],
        [{"role": "user", "content": "안녕하세요 😀 \x00 <|im_end|> {{ x }}"}],
        [{"role": "system", "content": "Be brief."}, USER],
        [USER, {"role": "assistant", "content": SENTENCE}, {"role": "user", "content": "again"}],
        [{"role": "user", "content": [{"type": "text", "text": "in parts"}]}],
        [{"role": "user", "content": SENTENCE}],
    ],
    ids=["one", "korean", "system", "turns", "parts", "echo"],
)
def test_the_demo_model_says_its_sentence_to_any_prompt(messages: list[dict[str, Any]], plain: Server) -> None:
    answer = plain.chat(*messages)
    assert says(answer) == SENTENCE
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens"] == len(SENTENCE.split()) + 1


@pytest.mark.parametrize(
    "wild",
    [
        {"temperature": 2.0, "top_p": 1.0, "min_p": 0.0, "top_k": 0},
        {"repeat_penalty": 2.0, "frequency_penalty": 2.0, "presence_penalty": 2.0},
        {"temperature": 0.0, "seed": 7},
    ],
)
def test_no_sampler_setting_changes_the_sentence(wild: dict[str, float], plain: Server) -> None:
    assert says(plain.chat(USER, **wild)) == SENTENCE


def test_a_stream_has_one_piece_for_each_word(plain: Server) -> None:
    pieces = list(stream(plain, USER))
    assert "".join(pieces) == SENTENCE
    assert len(pieces) == len(SENTENCE.split())


@pytest.mark.parametrize("words", [1, 3, 9])
def test_an_answer_that_was_cut_is_continued_where_it_stopped(words: int, plain: Server) -> None:
    begun = " ".join(SENTENCE.split()[:words])
    rest = "".join(stream(plain, USER, {"role": "assistant", "content": begun}))
    assert begun + rest == SENTENCE


def stream(server: Server, *messages: dict[str, str]) -> Iterator[str]:
    body = {"messages": messages, "stream": True}
    with server.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                piece = json.loads(line.removeprefix("data: "))["choices"][0]["delta"].get("content")
                if piece:
                    yield piece


def test_the_flags_of_a_profile_take_effect(plain: Server) -> None:
    props, sampling = plain.props(), plain.sampling()
    assert (props["model_alias"], props["total_slots"], props["default_generation_settings"]["n_ctx"]) == (
        "chat",
        2,
        2048,
    )
    chosen = {name: round(sampling[name], 3) for name in ("temperature", "top_p", "repeat_penalty")}
    assert chosen == {"temperature": 0.3, "top_p": 0.9, "repeat_penalty": 1.05}
    assert "llamacpp:" in plain.client.get("/metrics").text
    assert plain.client.get("/v1/models").json()["data"][0]["id"] == "chat"


def test_every_other_flag_takes_effect(start: Start, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("# the key of the suite\nsecret-key\n")
    server = start(
        *("-lv", "4", "-c", "4096", "-np", "2", "--kv-unified", "-b", "256", "-ub", "64", "-tb", "2"),
        *("--threads-http", "3", "-ctk", "q8_0", "-ctv", "q4_0", "-fa", "on", "-cram", "100", "-fit", "off"),
        *("--top-k", "7", "--min-p", "0.02", "-s", "42", "--props", "--no-slots", "--no-webui", "--no-warmup"),
        *("--chat-template", "<<{{ messages[0]['content'] }}>>", "--jinja", "--api-key-file", str(keys), "-ngl", "all"),
        key="secret-key",
    )
    props, sampling = server.props(), server.sampling()
    assert (sampling["top_k"], round(sampling["min_p"], 3), sampling["seed"]) == (7, 0.02, 42)
    rendered = server.client.post("/apply-template", json={"messages": [USER]}).json()
    assert rendered["prompt"] == "<<hi>>"
    assert props["default_generation_settings"]["n_ctx"] == 4096  # unified: each slot may have all of it
    assert (server.status("/props", "POST", json={}), server.status("/slots"), server.status("/metrics")) == (
        200,
        501,
        501,
    )
    log = " ".join(server.log.read_text(errors="replace").split())
    for sign in (
        *("n_batch = 256", "n_ubatch = 64", "flash_attn = enabled", "K (q8_0)", "V (q4_0)", "3 threads for HTTP"),
        *("n_threads = 1 (n_threads_batch = 2)", "size limit: 100 MiB", "UI is disabled", "kv_unified = true"),
    ):
        assert sign in log, sign
    assert "warming up" not in log
    assert "fitting params" not in log


SECRET_PROMPT = "my-very-secret-prompt"


def read_back(server: Server) -> InForce:
    lines = server.log.read_text(errors="replace").splitlines()
    return with_answers(parse_load_log(lines), server.props(), server.client.get("/slots").json())


@pytest.fixture(scope="module")
def asked(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server that was asked a secret, at the level at which it tells its memory."""
    keys = tmp_path_factory.mktemp("key") / "key"
    keys.write_text("sk-0123456789abcdef\n")
    flags = ("-lv", "4", "-c", "4096", "-np", "2", "-ctk", "q8_0", "-ctv", "q8_0", "-fa", "on", "-ngl", "0")
    server = start(*flags, "--fit", "off", "--jinja", "--api-key-file", str(keys), key="sk-0123456789abcdef")
    server.chat({"role": "system", "content": SECRET_PROMPT}, {"role": "user", "content": SECRET_PROMPT})
    list(stream(server, {"role": "user", "content": SECRET_PROMPT}))
    return server


def test_what_is_in_force_is_read_back_from_log_and_answers(asked: Server) -> None:
    flags = ServerFlags(context=4096, parallel=2, kv_k="q8_0", kv_v="q8_0", flash_attention="on", gpu_layers=0)
    found = read_back(asked)
    assert compare(flags, found) == ()
    assert (found.slots, found.slot_context, found.kv_k, found.flash_attention) == (2, 2048, "q8_0", True)
    assert found.told
    assert (found.device.total, found.host.kv > 0, found.host.compute > 0) == (0, True, True)


def test_a_server_on_the_cpu_is_found_out_when_layers_were_to_be_on_a_card(asked: Server) -> None:
    (difference, *_) = compare(ServerFlags(context=4096, parallel=2, gpu_layers=2), read_back(asked))
    assert "it runs on the CPU" in str(difference)


def test_at_the_level_that_tells_the_memory_neither_prompts_nor_keys_stand_in_the_log(asked: Server) -> None:
    log = asked.log.read_text(errors="replace")
    assert "buffer size" in log
    assert SECRET_PROMPT not in log
    assert "sk-0123456789ab" not in log


def test_a_context_beyond_the_models_own_is_found_out(start: Start) -> None:
    server = start("-lv", "4", "-c", "16384", "-np", "1", "--fit", "off")
    (difference,) = compare(ServerFlags(context=16384, gpu_layers=0), read_back(server))
    assert str(difference).startswith("context of a slot: 16384 asked for, 8192 in force (the model was trained")


def test_every_route_but_health_asks_for_a_key(start: Start) -> None:
    server = start("--api-key", "one,two", "--metrics")
    paths = ("/v1/models", "/metrics", "/props", "/slots")
    assert [server.status(path) for path in paths] == [401] * len(paths)
    assert server.status("/v1/chat/completions", "POST", json={"messages": [USER]}) == 401
    for key in ("one", "two"):
        server.client.headers["Authorization"] = f"Bearer {key}"
        assert server.status("/v1/models") == 200


def test_without_flags_the_server_chooses_as_llama_server_does(start: Start) -> None:
    server = start("-lv", "4")
    props = server.props()
    assert (props["total_slots"], props["default_generation_settings"]["n_ctx"]) == (4, 8192)
    assert server.status("/slots") == 200
    assert server.status("/v1/embeddings", "POST", json={"input": "x"}) == 501
    log = " ".join(server.log.read_text(errors="replace").split())
    assert "size limit: 8192 MiB" in log  # of main memory, for prompts: each server may take it
    assert "warming up" in log
    assert "fitting params" in log


@pytest.mark.parametrize(("pooling", "first"), [("mean", 0.577), ("last", 0.0)])
def test_embeddings_are_pooled_as_asked(pooling: str, first: float, start: Start) -> None:
    server = start("--embedding", "--pooling", pooling, "-np", "1")
    answer = server.client.post("/v1/embeddings", json={"input": "Hello! I am"}).json()
    assert round(answer["data"][0]["embedding"][1], 3) == first


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_server_with_0(number: signal.Signals, start: Start) -> None:
    server = start("-np", "1")
    server.process.send_signal(number)
    assert server.process.wait(timeout=20) == 0


def test_a_taken_port_ends_the_start_with_1(program: tuple[str, ...], model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        argv = [*program, "-m", str(model), "--port", str(port)]
        ended = subprocess.run(argv, capture_output=True, timeout=20, check=False)
    assert ended.returncode == 1
    assert str(port).encode() in ended.stderr
