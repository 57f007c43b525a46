"""Compare `aisuite up --engine docker` with `docker compose up -d --wait`: same machine, same images, same run.

Needs a Docker Engine, the compose plugin and the demo's images (`tests/bed/bed up` makes all of them on a plain
Debian machine). Prints one table; medians of five.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from run import Folder, machine

ROUNDS = 5
# What an earlier stack of this kind had on every service.
OLD_HEALTH = {"interval": "30s", "timeout": "5s", "retries": "5", "start_period": "30s"}


def main() -> None:
    """Measure and print."""
    print(f"machine: {machine()}; Docker Engine {_engine_version()}\n")
    with tempfile.TemporaryDirectory(prefix="aisuite-bench-") as name:
        one = Folder(Path(name))
        one.run("up", "--demo", "--engine", "docker")  # secrets, demo models, the rendered file
        one.run("down")
        rendered = Path(name) / ".aisuite" / "aisuite" / "compose.yaml"
        old = rendered.with_name("compose.old-health.yaml")
        old.write_text(_with_old_health(rendered.read_text()))
        figures = {key: [] for key in ("aisuite cold", "aisuite warm", "aisuite down", "memory")}
        for key in ("compose cold", "compose warm", "compose down", "compose cold, old checks"):
            figures[key] = []
        for _ in range(ROUNDS):
            _measure_aisuite(one, figures)
            _measure_compose(rendered, figures, "compose cold")
            _measure_compose(old, figures, "compose cold, old checks")
    _print(figures)


def _measure_aisuite(one: Folder, figures: dict[str, list[float]]) -> None:
    words = ("up", "--demo", "--engine", "docker")
    cold, memory, _ = one.run(*words)
    warm, _, _ = one.run(*words)
    down, _, _ = one.run("down")
    figures["aisuite cold"].append(cold)
    figures["aisuite warm"].append(warm)
    figures["aisuite down"].append(down)
    figures["memory"].append(memory / 1024)


def _measure_compose(file: Path, figures: dict[str, list[float]], cold: str) -> None:
    compose = ["docker", "compose", "-f", str(file)]
    figures[cold].append(_timed([*compose, "up", "-d", "--wait"]))
    if cold == "compose cold":
        figures["compose warm"].append(_timed([*compose, "up", "-d", "--wait"]))
        figures["compose down"].append(_timed([*compose, "down"]))
    else:
        _timed([*compose, "down"])


def _timed(command: list[str]) -> float:
    began = time.perf_counter()
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{result.stderr}")
    return time.perf_counter() - began


def _with_old_health(text: str) -> str:
    """Give every health check the old times, and no `start_interval`."""
    text = re.sub(r"\n +start_interval: [^\n]+", "", text)
    for key, value in OLD_HEALTH.items():
        text = re.sub(rf"(\n      {key}: )[^\n]+", rf"\g<1>{value}", text)
    return text


def _engine_version() -> str:
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _print(figures: dict[str, list[float]]) -> None:
    middle: Callable[[str], float] = lambda key: statistics.median(figures[key])  # noqa: E731
    print("| measure | aisuite, s | compose, s | compose / aisuite |\n| --- | --- | --- | --- |")
    for measure, ours, theirs in (
        ("cold to all ready, our rendered file", "aisuite cold", "compose cold"),
        ("cold to all ready, compose on the old health checks", "aisuite cold", "compose cold, old checks"),
        ("warm, nothing to do", "aisuite warm", "compose warm"),
        ("down", "aisuite down", "compose down"),
    ):
        ratio = middle(theirs) / middle(ours)
        print(f"| {measure} | {middle(ours):.2f} | {middle(theirs):.2f} | {ratio:.1f} |")
    spread = ", ".join(f"{key} {min(values):.2f} to {max(values):.2f}" for key, values in figures.items())
    print(f"\npeak memory of the CLI: {max(figures['memory']):.0f} MiB; spread: {spread}")


if __name__ == "__main__":
    sys.exit(main())
