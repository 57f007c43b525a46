"""The gateway's parent process, with workers that only live and die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aisuite.resources import find_data_dir
from tests.contract.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.process

START = find_data_dir("templates") / "gateway" / "start_gateway.py"
# A worker writes its number, then does what the script says.
PARENT = """\
import os, signal, sys, time
from importlib import util
spec = util.spec_from_file_location("start_gateway", {start!r})
start = util.module_from_spec(spec)
spec.loader.exec_module(start)
start.STEADY = {steady}

def serve():
    print(os.getpid(), flush=True)
    {work}

start.end_alike(start.keep_serving(serve))
"""


class Parent:
    """The parent process, and the workers that it has started."""

    def __init__(self, work: str, steady: float) -> None:
        script = PARENT.format(start=str(START), steady=steady, work=work)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def next_worker(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def said(self) -> str:
        return self.process.communicate(timeout=30)[1]


@pytest.fixture
def parent() -> Iterator[Callable[..., Parent]]:
    begun: list[Parent] = []

    def begin(work: str = "time.sleep(60)", steady: float = 0.0) -> Parent:
        begun.append(Parent(work, steady))
        return begun[-1]

    yield begin
    for one in begun:
        one.process.kill()
        one.process.communicate()


def test_a_worker_that_is_killed_is_replaced_and_the_log_says_so(parent: Callable[..., Parent]) -> None:
    one = parent()
    first = one.next_worker()
    os.kill(first, signal.SIGKILL)
    second = one.next_worker()
    assert second != first
    assert one.process.poll() is None
    one.process.terminate()
    (line,) = one.said().splitlines()
    assert json.loads(line)["level"] == "ERROR"
    assert "ended by signal 9; another one takes its place" in json.loads(line)["message"]


def test_a_worker_that_ends_by_itself_ends_all_with_its_exit_code(parent: Callable[..., Parent]) -> None:
    one = parent("sys.exit(3)")
    assert one.said() == ""
    assert one.process.returncode == 3


def test_a_worker_that_fails_ends_all_as_a_failure(parent: Callable[..., Parent]) -> None:
    one = parent("raise ValueError('the configuration is broken')")
    assert "the configuration is broken" in one.said()
    assert one.process.returncode == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_is_killed_at_once_is_left_to_whoever_supervises_all(
    number: signal.Signals, parent: Callable[..., Parent]
) -> None:
    one = parent(f"os.kill(os.getpid(), {int(number)})", steady=60.0)
    assert one.said() == ""
    assert one.process.returncode == -number


def test_a_wish_to_end_reaches_the_worker_and_no_other_one_begins(parent: Callable[..., Parent]) -> None:
    one = parent("signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print(0, flush=True); time.sleep(60)")
    worker, ready = one.next_worker(), one.next_worker()
    assert (worker, ready) == (worker, 0)
    one.process.terminate()
    assert one.said() == ""
    assert one.process.returncode == 0


def test_no_worker_outlives_its_parent(parent: Callable[..., Parent]) -> None:
    one = parent()
    worker = one.next_worker()
    one.process.kill()
    one.process.wait()
    eventually(lambda: not Path(f"/proc/{worker}").exists())


def test_an_interpreter_without_litellm_becomes_the_program_of_that_name(tmp_path: Path) -> None:
    program = tmp_path / "litellm"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    said = subprocess.run(
        [sys.executable, "-I", str(START), "--config", "x"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "--config x\n"
