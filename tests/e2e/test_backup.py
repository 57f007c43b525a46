"""Backups of the demo suite on local processes, running and stopped."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.bundle.model import Manifest
from tests.e2e.suite import Suite

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    suite = Suite(tmp_path_factory.mktemp("suite"))
    (suite.folder / "letters").mkdir()
    for name in ("first", "second"):
        (suite.folder / "letters" / f"{name}.md").write_text(f"# The {name}\n\nA letter from 부산, the {name} one.\n")
    assert suite.run("up", "--phase", "2", "--demo").code == 0
    assert suite.run("rag", "index", "letters").code == 0
    yield suite
    suite.run("down")


def taken(suite: Suite, *words: str) -> Manifest:
    """Make a backup, and return its manifest when every file is as it says."""
    ran = suite.run("backup", "--json", *words)
    assert ran.code == 0, ran.out
    return BundleShelf(suite.state / "backups").check(ran.json["id"])


def test_a_running_and_a_stopped_suite_give_the_same_content(suite: Suite, tmp_path: Path) -> None:
    running = taken(suite, "--name", "running", "--quiesce")
    assert [one.points for one in running.collections] == [2]
    assert running.collections[0].aliases == ("letters",)

    suite.run("down")
    stopped = taken(suite, "--name", "stopped")
    assert suite.run("ps", "--json").json["services"] == []

    assert [one.content_digest for one in stopped.databases] == [one.content_digest for one in running.databases]
    assert [(one.name, one.samples) for one in stopped.collections] == [
        (one.name, one.samples) for one in running.collections
    ]
    database = next(file for file in stopped.files if file.path == stopped.databases[0].file)
    BundleShelf(suite.state / "backups").extract(stopped.id, database, tmp_path / "rag.db")
    with closing(sqlite3.connect(tmp_path / "rag.db")) as copy:
        assert copy.execute("SELECT count(*) FROM documents").fetchone() == (2,)
