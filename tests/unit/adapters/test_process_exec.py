"""The launcher builds a clean environment, and what it writes down can be trusted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from aisuite.adapters.process_engine.process_exec import (
    CannotRun,
    build_environment,
    read_boot_id,
    read_environment,
    read_json,
    read_stat,
    write_json,
)

MARKS = {"AISUITE_FOLDER": "/p", "AISUITE_SERVICE": "chat"}


def describe(*secrets: dict[str, Any], **environment: str) -> dict[str, Any]:
    return {"environment": environment, "secrets": list(secrets)}


def test_a_service_sees_four_variables_of_the_user_and_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name in ("PATH", "HOME", "LANG", "TMPDIR", "HTTP_PROXY", "PYTHONPATH", "OPENAI_API_KEY", "LD_PRELOAD"):
        monkeypatch.setenv(name, name.lower())
    assert build_environment(describe(PORT="1", LANG="C"), tmp_path, MARKS) == {
        "PATH": "path",
        "HOME": "home",
        "TMPDIR": "tmpdir",
        "LANG": "C",
        "PORT": "1",
        **MARKS,
    }


def test_a_secret_is_a_value_or_a_path(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("s3cret")
    value = {"variable": "KEY", "file": "secrets/key", "as_file": False}
    path = {"variable": "KEY_FILE", "file": "secrets/key", "as_file": True}
    environment = build_environment(describe(value, path), tmp_path, MARKS)
    assert (environment["KEY"], environment["KEY_FILE"]) == ("s3cret", f"{tmp_path}/secrets/key")


def test_a_secret_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="cannot read secrets/key: No such file or directory"):
        build_environment(describe({"variable": "K", "file": "secrets/key", "as_file": False}), tmp_path, MARKS)


def test_this_process_is_read_from_the_kernel() -> None:
    stat = read_stat(os.getpid())
    assert stat is not None
    state, parent, group, session, started = stat
    assert (state in "RS", parent, group, session) == (True, os.getppid(), os.getpgrp(), os.getsid(0))
    assert started > 0
    assert len(read_boot_id()) == 36


def test_what_is_no_process_is_none() -> None:
    assert read_stat(2**30) is None
    assert read_environment(2**30) == {}


def test_a_record_is_private_and_leaves_no_trace_of_its_writing(tmp_path: Path) -> None:
    path = tmp_path / "chat.pid.json"
    write_json(path, {"pid": 1})
    write_json(path, {"pid": 2})
    assert read_json(path) == {"pid": 2}
    assert [entry.name for entry in tmp_path.iterdir()] == ["chat.pid.json"]
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"text"'])
def test_a_damaged_record_reads_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record").write_bytes(content)
    assert read_json(tmp_path / "record") is None
    assert read_json(tmp_path / "missing") is None
