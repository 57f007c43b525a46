"""Environments of other versions, on a real disk."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from aisuite.adapters.gateway_env import GatewayEnv, GatewayLeftovers
from aisuite.errors import StateUnwritable


def _old(root: Path, name: str = "old") -> Path:
    folder = root / name / "bin"
    folder.mkdir(parents=True)
    (folder / "python").write_bytes(b"x" * 10_000)
    os.link(folder / "python", folder / "python3")
    return folder.parent


def test_an_old_environment_is_found_with_its_size_and_can_be_removed(tmp_path: Path) -> None:
    environment = GatewayEnv(tmp_path)
    ours = Path(environment.program[0]).parents[1]
    ours.mkdir()
    old = _old(tmp_path)
    leftovers = GatewayLeftovers(environment)
    (found,) = leftovers.find()
    assert (found.name, found.used_by) == (str(old), None)
    assert 10_000 <= found.bytes < 20_000  # a second name is no second file
    leftovers.remove(found)
    leftovers.remove(found)
    assert leftovers.find() == ()
    assert ours.is_dir()


def test_where_no_environment_was_ever_made_nothing_is_left(tmp_path: Path) -> None:
    assert GatewayLeftovers(GatewayEnv(tmp_path / "none")).find() == ()


def test_one_that_somebody_runs_is_named_with_who(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, other = _old(tmp_path), _old(tmp_path, "older")

    class Process:
        pid = 42
        info = {"cmdline": [f"{old}/bin/python", "-I"], "name": "python"}  # noqa: RUF012

    monkeypatch.setattr(psutil, "process_iter", lambda _: [Process()])
    found = {one.name: one.used_by for one in GatewayLeftovers(GatewayEnv(tmp_path)).find()}
    assert found == {str(old): "python, pid 42", str(other): None}


def test_one_that_cannot_be_removed_is_named(tmp_path: Path) -> None:
    _old(tmp_path, "elsewhere/real")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "elsewhere" / "real")
    leftovers = GatewayLeftovers(GatewayEnv(tmp_path / "root"))
    (found,) = leftovers.find()
    with pytest.raises(StateUnwritable, match="cannot remove"):
        leftovers.remove(found)
