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
