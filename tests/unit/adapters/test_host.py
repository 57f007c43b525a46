"""Cores and holders, where the kernel's answer is made up."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil
import pytest

from aisuite.adapters import host
from aisuite.adapters.host import LocalHost


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("max 100000", 8), ("250000 100000", 3), ("200000 100000", 2), ("1000 100000", 1), ("9999999 100000", 8)]
    + [(broken, 8) for broken in ("", "x y", "100000", "100000 0")],
)
def test_a_control_group_limits_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, cores: int
) -> None:
    (tmp_path / "cpu.max").write_text(limit)
    monkeypatch.setattr(host, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    assert LocalHost().cpus() == cores


def test_without_a_control_group_the_affinity_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_CGROUP", tmp_path / "missing")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3})
    assert LocalHost().cpus() == 1


def test_a_holder_that_cannot_be_seen_is_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: str) -> list[object]:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert LocalHost().port_holder("127.0.0.1", listener.getsockname()[1]) == "another process"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"meminfo": "MemTotal: 9 kB\nMemAvailable:    5 kB\n"}, 5 * 1024),
        ({"meminfo": "MemAvailable: 5 kB\n", "memory.max": "max"}, 5 * 1024),
        ({"meminfo": "MemAvailable: 5 kB\n", "memory.max": "4096", "memory.current": "1096"}, 3000),
        (
            {"memory.max": "4096", "memory.current": "4096", "memory.stat": "anon 1\ninactive_file 96\n"},
            96,
        ),
        ({"memory.max": "10", "memory.current": "4096"}, 0),
        ({"meminfo": "MemAvailable: many kB\n", "memory.max": "x", "memory.current": "1"}, None),
        ({}, None),
    ],
)
def test_free_memory_is_the_least_that_anybody_grants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], expected: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(host, "_CGROUP", tmp_path)
    monkeypatch.setattr(host, "_MEMINFO", tmp_path / "meminfo")
    assert LocalHost().free_memory() == expected
