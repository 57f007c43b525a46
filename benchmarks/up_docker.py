"""Compare `aisuite up --engine docker` with `docker compose up -d --wait`: same machine, same images, same run.

Needs a Docker Engine, the compose plugin and the demo's images. `make bench-docker` brings two engines with all of it,
on plain Debian, and measures on both. Prints one table; medians of five.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import Folder, critical_path, machine

PROJECT = "aisuite-bench"
ROUNDS = 5
# What an earlier stack of this kind had on every service.
OLD_HEALTH = {"interval": "30s", "timeout": "5s", "retries": "5", "start_period": "30s"}


# On engines before 25 Docker asks for the first time after a whole interval: three levels of 30 s.
LEAST_GAIN = {True: 2, False: 8}
COMPOSE = ("compose cold", "compose warm", "compose down", "compose cold, old checks")
AISUITE = ("aisuite cold", "aisuite warm", "aisuite down", "overhead, %", "memory, MB")


def main() -> None:
    """Measure and print."""
    version, compose = _docker("version", "--format", "{{.Server.Version}}"), _docker("compose", "version", "--short")
    print(f"machine: {machine()}; Docker Engine {version}, compose {compose}\n")
    figures: dict[str, list[float]] = {key: [] for key in (*AISUITE, *COMPOSE)}
    os.environ["AISUITE_PROJECT"] = PROJECT
    with tempfile.TemporaryDirectory(prefix="aisuite-bench-") as name:
        one = Folder(Path(name))
        try:
            _measure(one, figures)
        finally:
            one.run("down", "--volumes", "--yes")
    _print(figures, LEAST_GAIN[int(version.split(".")[0]) >= 25])


def _measure(one: Folder, figures: dict[str, list[float]]) -> None:
    one.run("up", "--demo", "--engine", "docker")  # secrets, demo models, the rendered file
    one.run("down")
    rendered = one.path / ".aisuite" / PROJECT / "compose.yaml"
    old = rendered.with_name("compose.old-health.yaml")
    old.write_text(_with_old_health(rendered.read_text()))
    for _ in range(ROUNDS):
        _measure_aisuite(one, figures)
        _measure_compose(rendered, figures, "compose cold")
        _measure_compose(old, figures, "compose cold, old checks")


def _measure_aisuite(one: Folder, figures: dict[str, list[float]]) -> None:
    words = ("up", "--demo", "--engine", "docker", "--json")
    cold, memory, printed = one.run(*words)
    warm, _, _ = one.run(*words)
    down, _, _ = one.run("down")
    report = json.loads(printed)
    path = sum(critical_path(report).values())
    took = (cold, warm, down, 100 * (report["seconds"] / path - 1), memory * 1024 / 10**6)
    for key, value in zip(AISUITE, took, strict=True):
        figures[key].append(value)


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


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


def _print(figures: dict[str, list[float]], least_gain: int) -> None:
    print("| measure | aisuite, s | compose, s | compose / aisuite | bar |\n| --- | --- | --- | --- | --- |")
    for measure, ours, theirs, bar in (
        ("cold, our rendered file", "aisuite cold", "compose cold", "not slower"),
        ("cold, compose on the old health checks", "aisuite cold", COMPOSE[-1], f"at least {least_gain}"),
        ("warm, nothing to do", "aisuite warm", "compose warm", "at most 0.5 s"),
        ("down", "aisuite down", "compose down", "not slower"),
    ):
        ratio = statistics.median(figures[theirs]) / statistics.median(figures[ours])
        print(f"| {measure} | {_spread(figures[ours])} | {_spread(figures[theirs])} | {ratio:.1f} | {bar} |")
    print("| our own time over the critical path | {} % | | | at most 10 % |".format(_spread(figures["overhead, %"])))
    print(f"| peak memory of the command | {max(figures['memory, MB']):.0f} MB | | | at most 120 MB |")


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    sys.exit(main())
