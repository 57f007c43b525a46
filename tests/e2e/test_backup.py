"""Backups of the demo suite on local processes, running and stopped."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.bundle.model import Manifest
from tests.e2e.suite import Suite, wait_for

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


class RagWriter(threading.Thread):
    """Indexes one batch of documents after the other; `written` counts those that were acknowledged."""

    BATCH = 16
    COLLECTION = "written-meanwhile"

    def __init__(self, suite: Suite) -> None:
        super().__init__()
        key = (suite.state / "secrets" / "service_key").read_text().strip()
        self._url = f"http://127.0.0.1:{suite.ports['RAG_PORT']}"
        self._headers = {"Authorization": f"Bearer {key}"}
        self.ended = threading.Event()
        self.written = 0

    def run(self) -> None:
        with httpx.Client(base_url=self._url, headers=self._headers, trust_env=False, timeout=120) as client:
            while not self.ended.is_set():
                numbers = range(self.written, self.written + self.BATCH)
                documents = [{"id": str(one), "text": f"Letter {one} from 부산. " * 40} for one in numbers]
                answer = client.post("/index", json={"collection": self.COLLECTION, "documents": documents})
                self.written += answer.raise_for_status().json()["documents"]


@contextmanager
def written_to(suite: Suite) -> Iterator[RagWriter]:
    """Let somebody write into a suite without a pause; nothing of it is left there."""
    writer = RagWriter(suite)
    writer.start()
    try:
        wait_for(lambda: writer.written >= 2 * writer.BATCH)
        yield writer
    finally:
        writer.ended.set()
        writer.join()
        suite.run("rag", "rm", writer.COLLECTION, "--all")


def test_who_writes_is_held_for_less_than_two_seconds_and_loses_nothing(running: Suite) -> None:
    with written_to(running) as writer:
        before = writer.written
        ran = running.run("backup", "--quiesce", "--json")
        after = writer.written
        wait_for(lambda: writer.written > after + writer.BATCH)

    assert ran.code == 0, ran.out
    assert 0 < ran.json["held_seconds"] < 2
    manifest = BundleShelf(running.state / "backups").check(ran.json["id"])
    rows = next(one.rows for one in manifest.databases if "documents" in one.rows)
    assert before <= rows["documents"] <= after + 2 * writer.BATCH
