"""A person's working folder: `aisuite` run in it as a program, on ports that nobody uses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tests.free_ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable

PORTS = ("API_GATEWAY_PORT", "INFERENCE_PORT", "INFERENCE_CODE_PORT", "RAG_PORT", "EMBEDDING_PORT", "QDRANT_PORT")
CHAT_SAYS = "inference-chat"
CODE_SAYS = "inference-code"


@dataclass(frozen=True)
class Ran:
    """What one command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Suite:
    """One folder with its own ports; every command is a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "XDG_DATA_HOME") if name in os.environ}
        self.env = kept | self.ports
        self.state = folder / ".aisuite" / "aisuite"

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        """Start a command in the background."""
        return subprocess.Popen(
            [sys.executable, "-m", "aisuite", *words],
            cwd=self.folder,
            env=self.env | {"PYTHONFAULTHANDLER": "1"} | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **env: str) -> Ran:
        """Run a command to its end."""
        ran = finish(self.start(*words, **env))
        assert "Traceback" not in ran.err, ran.err
        return ran

    def shell(self, script: str) -> Ran:
        """Run a shell script as a person would paste it; `aisuite` is this checkout's."""
        path = f"{Path(sys.executable).parent}:{self.env['PATH']}"
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.env | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ran(result.returncode, result.stdout, result.stderr)

    def services(self) -> dict[str, dict[str, Any]]:
        """Return `status` by service name."""
        return {one["name"]: one for one in self.run("status", "--json").json["services"]}

    def processes(self) -> list[psutil.Process]:
        """Return every process that belongs to this folder, found by its working folder or its arguments."""
        found = []
        for process in psutil.process_iter():
            try:
                about = [process.cwd(), *process.cmdline(), *process.environ().values()]
            except (psutil.Error, OSError):
                continue
            if process.pid != os.getpid() and any(str(self.folder) in text for text in about):
                found.append(process)
        return found


def finish(process: subprocess.Popen[str], seconds: float = 240) -> Ran:
    """Wait for the end of a command; one that does not come to it is ended, and tells where it was."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # started by `Suite.start`, it prints the stack of each thread
        out, err = process.communicate()
        raise AssertionError(f"no end after {seconds} s of: {process.args}\n{out}\n{err}") from None
    return Ran(process.returncode, out, err)


def as_a_shell_tells(code: int) -> int:
    """Return `$?` for an exit code of subprocess.

    Python ends by the signal itself when Ctrl-C came in the midst of an `exec`, as each dataclass has one, whoever
    caught it then.
    """
    return code if code >= 0 else 128 - code


def wait_for(what: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is true; fail when it never becomes so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.1)


def kill(pid: int) -> None:
    """kill -9."""
    os.kill(pid, signal.SIGKILL)
