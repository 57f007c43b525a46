"""A backup that was carried to another machine: other folders, ports and keys, and everything in it answers."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.e2e.small_suite import SmallSuite
from tests.e2e.suite import Suite

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e


def carried(bundle: str, backups: Path, to: Path) -> str:
    """Copy a backup as a person does, and return the folder that it lies in now."""
    shutil.copytree(backups / bundle, to / bundle)
    return str(to)


def test_what_was_kept_on_one_machine_answers_on_another(tmp_path: Path) -> None:
    old = SmallSuite(tmp_path / "old")
    old.up()
    try:
        old.fill_all()
        kept, bundle = old.digest(), old.backup()
    finally:
        old.down()
    folder = carried(bundle, old.folder / "backups", tmp_path / "carried")
    shutil.rmtree(tmp_path / "old")  # that machine is gone

    new = SmallSuite(tmp_path / "new")
    new.up()
    try:
        restored = new.run("restore", bundle, "--from", folder, "--yes")
        assert restored.code == 0, restored.err
        assert new.digest() == kept
        assert httpx.get(f"http://127.0.0.1:{new.port}/pages").json() == {"pages": 2}
        assert new.store().search("notes", ["7"], exact=False)["7"][0].point == "7"
    finally:
        new.down()


@pytest.mark.soak
def test_a_demo_suite_finds_on_another_machine_what_was_indexed_on_the_first(
    running: Suite, suite: Suite, tmp_path: Path
) -> None:
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "harbour.md").write_text("# The harbour\n\nA letter from 부산 about cranes and containers.\n")
    assert running.run("rag", "index", str(letters)).code == 0
    try:
        taken = running.run("backup", "--json")
        assert taken.code == 0, taken.err
    finally:
        assert running.run("rag", "rm", "letters", "--all").code == 0
    folder = carried(taken.json["id"], running.state / "backups", tmp_path / "carried")

    assert suite.run("up", "--phase", "2", "--demo").code == 0
    restored = suite.run("restore", taken.json["id"], "--from", folder, "--yes")

    assert restored.code == 0, restored.err
    found = suite.run("rag", "search", "cranes and containers", "--collection", "letters", "--json")
    assert "harbour.md" in found.out, found.err
