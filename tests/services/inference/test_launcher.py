from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import pytest

from aisuite.adapters.demo_models import write_demo_model
from tests.free_ports import free_port

pytestmark = pytest.mark.process

ARGV = (sys.executable, "-m", "aisuite.services.inference")
READY = "aisuite inference: ready on "


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "demo.gguf"
    write_demo_model(path, "Hello from the launcher.")
    return path


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*ARGV, *argv], capture_output=True, text=True, timeout=30, check=False)


def test_its_version_is_that_of_the_wheel() -> None:
    ended = run("--version")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("version: xllamacpp 20")


def test_a_command_line_that_cannot_be_meant_ends_with_2_and_one_line() -> None:
    for argv, words in ((("--nope",), "unknown flag '--nope'"), (("-c", "8"), "--model and --port must be given")):
        ended = run(*argv)
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
        assert ended.stderr.startswith("error: ")
        assert words in ended.stderr


@pytest.mark.parametrize("case", ["missing", "folder", "not-gguf", "no-key", "empty-key", "host"])
def test_what_is_wrong_before_the_start_is_one_line_and_ends_with_1(case: str, model: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    flags: dict[str, tuple[Path, tuple[str, ...], str]] = {
        "missing": (wrong, (), f"the model {wrong} cannot be read: No such file"),
        "folder": (tmp_path, (), f"the model {tmp_path} cannot be read: Is a directory"),
        "not-gguf": (wrong, (), f"the model {wrong} is not a GGUF file"),
        "no-key": (model, ("--api-key-file", str(wrong)), f"the key file {wrong} cannot be read"),
        "empty-key": (model, ("--api-key-file", str(wrong)), f"the key file {wrong} holds no key"),
        "host": (model, ("--host", "192.0.2.1"), "cannot listen on 192.0.2.1:"),
    }
    if case in {"not-gguf", "empty-key"}:
        wrong.write_text("# nothing\n")
    path, more, words = flags[case]
    ended = run("-m", str(path), "--port", str(free_port()), *more)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith(f"error: {words}")


def test_a_model_that_breaks_off_ends_with_1_and_says_where_to_look(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(model.read_bytes()[:60_000])
    ended = run("-m", str(broken), "--port", str(free_port()))
    lines = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert lines[-1] == f"error: llama.cpp cannot serve {broken}; its lines marked E above say why"
    assert any(" E " in line and "corrupted or incomplete" in line for line in lines)
    assert "Traceback" not in ended.stderr


def tells(lines: Iterable[str], words: str) -> bool:
    """Read until the words come; llama.cpp writes its lines in pieces, and another's line may stand behind one."""
    return any(words in line for line in lines)


@pytest.fixture
def server(model: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    port = str(free_port())
    argv = [*ARGV, "-m", str(model), "--port", port, "-np", "2"]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert tells(process.stderr, READY)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
        yield process, client
    process.kill()
    process.communicate()


def test_a_signal_ends_it_with_0_while_answers_are_on_their_way(
    server: tuple[subprocess.Popen[str], httpx.Client],
) -> None:
    process, client = server
    endless = {"prompt": "x", "stream": True, "ignore_eos": True, "max_tokens": 8000}
    with client.stream("POST", "/v1/completions", json=endless) as answer:
        assert next(answer.iter_lines())
        process.send_signal(signal.SIGTERM)
        # The library's own end would wait for the stream, half a minute and more.
        assert process.wait(timeout=10) == 0
    assert process.stderr is not None
    assert process.stderr.read().endswith("aisuite inference: stopped by SIGTERM\n")


def test_it_listens_again_at_once_after_it_was_killed(
    server: tuple[subprocess.Popen[str], httpx.Client], model: Path
) -> None:
    process, client = server
    assert client.get("/health").status_code == 200
    process.kill()
    process.wait()
    again = subprocess.Popen([*process.args, "--no-warmup"], stderr=subprocess.PIPE, text=True)
    assert again.stderr is not None
    assert tells(again.stderr, READY)
    again.terminate()
    again.communicate()
    assert again.returncode == 0


def test_a_signal_while_the_model_loads_ends_it_at_once(tmp_path: Path) -> None:
    never = tmp_path / "never.gguf"
    os.mkfifo(never)  # llama.cpp waits for it as long as for the largest model
    process = subprocess.Popen([*ARGV, "-m", str(never), "--port", str(free_port())], stderr=subprocess.PIPE, text=True)
    never.write_bytes(b"GGUF")
    assert process.stderr is not None
    assert tells(process.stderr, "loading model")
    process.terminate()
    # As llama-server does: nothing to put away yet, so the signal itself is the end.
    assert process.wait(timeout=10) == -signal.SIGTERM
    process.communicate()
