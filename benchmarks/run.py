"""Measure what docs/benchmarks.md shows: `python benchmarks/run.py [up|cli|gateway ...]`; without a name, all.

Everything runs on this machine, on ports that are free, in a folder that is removed afterwards. Figures are only
comparable within one run: print the machine with them.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

PORTS = ("API_GATEWAY_PORT", "INFERENCE_PORT", "INFERENCE_CODE_PORT", "RAG_PORT", "EMBEDDING_PORT", "QDRANT_PORT")
ROUNDS = 5
REQUESTS = 200


def main(wanted: list[str]) -> None:
    """Run the named measurements, or all."""
    print(f"machine: {machine()}\n")
    for name in wanted or list(MEASUREMENTS):
        print(f"## {name}\n")
        MEASUREMENTS[name]()
        print()


def machine() -> str:
    """Return processor, cores, memory, load and Python in one line."""
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next((int(line.split()[1]) // 2**20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    load = os.getloadavg()[0]
    return f"{cpu}, {os.cpu_count()} cores, {memory} GiB, load {load:.1f}, Python {platform.python_version()}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()


class Folder:
    """A working folder of its own, with its own ports."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in PORTS]
            for one in sockets:
                one.bind(("127.0.0.1", 0))
            numbers = [str(one.getsockname()[1]) for one in sockets]
        self.ports = dict(zip(PORTS, numbers, strict=True))

    def run(self, *words: str) -> tuple[float, int, str]:
        """Run a command; return wall seconds, peak memory of the process in KiB, and what it printed."""
        env = {**os.environ, **self.ports}
        command = [sys.executable, "-m", "aisuite", *words]
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=self.path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        printed = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"aisuite {' '.join(words)} failed: {printed} {process.stderr.read().decode()}")  # type: ignore[union-attr]
        return took, usage.ru_maxrss, printed


@contextmanager
def folder() -> Iterator[Folder]:
    """Give a folder, and stop whatever runs in it at the end."""
    with tempfile.TemporaryDirectory(prefix="aisuite-bench-") as name:
        one = Folder(Path(name))
        try:
            yield one
        finally:
            one.run("down")


def measure_up() -> None:
    """`up --demo` cold and warm, the critical path, and our own overhead over it."""
    rows = []
    for _ in range(ROUNDS):
        with folder() as one:
            cold, _, printed = one.run("up", "--phase", "2", "--demo", "--json")
            warm, _, _ = one.run("up", "--phase", "2", "--demo", "--json")
            report = json.loads(printed)
        rows.append((cold, warm, report))
    steps = {step["subject"] for step in rows[0][2]["steps"]}
    print("| step | seconds to ready, median | min | max |\n| --- | --- | --- | --- |")
    for subject in sorted(steps, key=lambda name: -_median(_step_seconds(rows, name))):
        print(_row(subject, _step_seconds(rows, subject)))
    paths = [critical_path(report) for _, _, report in rows]
    print(_row("critical path (sum)", [sum(path.values()) for path in paths]))
    print(_row("`aisuite up`, whole command, cold", [cold for cold, _, _ in rows]))
    print(_row("`aisuite up`, whole command, warm", [warm for _, warm, _ in rows]))
    inside = [report["seconds"] - sum(path.values()) for (_, _, report), path in zip(rows, paths, strict=True)]
    whole = [cold - sum(path.values()) for (cold, _, _), path in zip(rows, paths, strict=True)]
    print(_row("our own: from the plan to the report", inside))
    print(_row("our own: the whole command, Python's start and imports too", whole))
    print()
    for name, parts in (("from the plan to the report", inside), ("the whole command", whole)):
        share = [100 * part / sum(path.values()) for part, path in zip(parts, paths, strict=True)]
        print(f"- {name}: {_median(share):.1f} % over the critical path ({min(share):.1f} to {max(share):.1f})")
    print(f"critical path: {' -> '.join(paths[0])}")


def critical_path(report: dict[str, Any]) -> dict[str, float]:
    """Return the slowest chain of a phase 2 start: service -> its own seconds, in order."""
    seconds = {step["subject"]: step["seconds"] for step in report["steps"]}
    models = seconds.get("demo-models", 0.0)
    chat = max(("inference-chat", "inference-code"), key=lambda name: seconds[name])
    chains = [
        {"demo-models": models, chat: seconds[chat], "api-gateway": seconds["api-gateway"], "rag": seconds["rag"]},
        {"qdrant": seconds["qdrant"], "rag": seconds["rag"]},
        {"embedding": seconds["embedding"], "rag": seconds["rag"]},
    ]
    return max(chains, key=lambda chain: sum(chain.values()))


def _step_seconds(rows: list[tuple[float, float, dict[str, Any]]], subject: str) -> list[float]:
    return [step["seconds"] for _, _, report in rows for step in report["steps"] if step["subject"] == subject]


def measure_cli() -> None:
    """Wall time and peak memory of the commands that a person waits for."""
    print("| command | wall ms, median | min | peak memory MiB |\n| --- | --- | --- | --- |")
    commands = (["--help"], ["--version"], ["profile", "list"], ["render", "--demo"], ["up", "--demo", "--dry-run"])
    with folder() as one:
        for words in commands:
            one.run(*words)  # bytecode and caches
            results = [one.run(*words) for _ in range(4 * ROUNDS)]
            times = [1000 * took for took, _, _ in results]
            memory = max(kib for _, kib, _ in results) / 1024
            print(f"| `aisuite {' '.join(words)}` | {_median(times):.0f} | {min(times):.0f} | {memory:.0f} |")


def measure_gateway() -> None:
    """One chat request through the gateway against the same request straight to llama-server."""
    with folder() as one:
        one.run("up", "--phase", "1", "--demo")
        secrets = one.path / ".aisuite" / "aisuite" / "secrets"
        direct = _caller(one.ports["INFERENCE_PORT"], (secrets / "service_key").read_text())
        gateway = _caller(one.ports["API_GATEWAY_PORT"], (secrets / "gateway_key").read_text())
        for call in (direct, gateway):
            _timed(call, 20)
        # In turns, so that both meet the same neighbours.
        rounds = [(_timed(direct, REQUESTS // 4), _timed(gateway, REQUESTS // 4)) for _ in range(4)]
    ways = {
        "llama-server directly": [ms for first, _ in rounds for ms in first],
        "through the gateway": [ms for _, second in rounds for ms in second],
    }
    print("| way | p50 ms | p95 ms |\n| --- | --- | --- |")
    for way, times in ways.items():
        print(f"| {way} | {_median(times):.1f} | {statistics.quantiles(times, n=20)[18]:.1f} |")
    added = _median(ways["through the gateway"]) - _median(ways["llama-server directly"])
    print(f"\nadded by the gateway: {added:.1f} ms at the median; one request at a time, {REQUESTS} each way")


def _caller(port: str, key: str) -> Callable[[], None]:
    client = httpx.Client(headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=60)
    body = {"model": "chat-7b", "messages": [{"role": "user", "content": "hi"}]}

    def call() -> None:
        client.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body).raise_for_status()

    return call


def _timed(call: Callable[[], None], times: int) -> list[float]:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - began))
    return found


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _row(name: str, values: list[float]) -> str:
    return f"| {name} | {_median(values):.2f} | {min(values):.2f} | {max(values):.2f} |"


MEASUREMENTS: dict[str, Callable[[], None]] = {"up": measure_up, "cli": measure_cli, "gateway": measure_gateway}

if __name__ == "__main__":
    main(sys.argv[1:])
