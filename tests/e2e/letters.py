"""A demo suite that is sent letters; what a backup says of it tells exactly what it holds."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.bundle import JOURNAL
from aisuite.bundle.kept_state import FILE, parse_state
from aisuite.ports.failpoint import KILLED
from aisuite.ports.failpoint import VARIABLE as FAILPOINT
from tests.e2e.killing import NO_WAY_BACK, WHOLE, killed_sometime
from tests.e2e.suite import finish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.bundle.kept_state import ProjectState
    from tests.e2e.suite import Ran, Suite

DAMAGED = b"no database at all, " * 500
PATIENT = "extends: demo\nservices:\n" + "".join(
    f"  {name}: {{deadline: 300s}}\n" for name in ("api-gateway", "rag", "embedding", "qdrant")
)  # how fast the machine starts six services is not what is tested


@dataclass(frozen=True)
class Kept:
    """A backup, and what it says of the suite at that moment."""

    bundle: str
    content: tuple[Any, ...]
    seconds: float


class Letters:
    """A suite that is up and got one letter."""

    def __init__(self, suite: Suite, project: str) -> None:
        self.suite = suite
        self.folder = suite.folder / ".aisuite" / project
        self.shelf = BundleShelf(self.folder / "backups")
        self._numbers = count(1)
        self.send()
        self.last = self.look()

    def done(self, *words: str) -> Ran:
        """Run a command that must succeed."""
        ran = self.suite.run(*words)
        assert ran.code == 0, ran.out + ran.err
        return ran

    def state(self) -> ProjectState:
        """Return what the suite says that it keeps."""
        return parse_state((self.folder / FILE).read_text())

    def send(self) -> None:
        """Send the next letter."""
        number = next(self._numbers)
        letters = self.suite.folder / "letters"
        letters.mkdir(exist_ok=True)
        (letters / f"{number}.md").write_text(f"# Letter {number}\n\nA letter from 부산, number {number}.\n")
        self.done("rag", "index", "letters")

    def look(self) -> Kept:
        """Back everything up, and remember it as the last that was seen."""
        began = time.monotonic()
        bundle = self.done("backup", "--quiesce", "--json").json["id"]
        manifest = self.shelf.manifest(bundle)
        rows = [(one.schema_version, one.content_digest) for one in manifest.databases]
        points = [(one.aliases, one.points, one.samples) for one in manifest.collections]
        self.last = Kept(bundle, (rows, points), time.monotonic() - began)
        return self.last

    @cached_property
    def usual_restore(self) -> float:
        """How many seconds a restore takes that nobody disturbs."""
        began = time.monotonic()
        self.done("restore", self.last.bundle, "--yes")
        return time.monotonic() - began

    def cut_off_at(self) -> str | None:
        """Return the step that a restore was cut off at, if one was."""
        journal = self.folder / JOURNAL
        return str(json.loads(journal.read_text())["step"]) if journal.exists() else None

    def end(self, how: str) -> str:
        """Finish what was cut off, or take it back while there is a way back; return what was done."""
        ended = self.suite.run("restore", how)
        if how == "--undo" and ended.code:
            assert "is in force" in ended.err, ended.err
            how = "--resume"
            self.done("restore", how)
        else:
            assert ended.code == 0, ended.out + ended.err
        assert self.cut_off_at() is None
        return how


@contextmanager
def letters_in(suite: Suite, project: str, engine: str) -> Iterator[Letters]:
    """Bring a suite up that gets letters; nothing of it is left."""
    suite.env |= {"AISUITE_PROJECT": project}
    (suite.folder / "patient.yaml").write_text(PATIENT)
    try:
        up = finish(suite.start("up", "--profile", "patient.yaml", "--engine", engine), seconds=330)
        assert up.code == 0, up.out + up.err
        yield Letters(suite, project)
    finally:
        down = suite.run("down", "--volumes", "--yes")
        assert down.code == 0, down.out + down.err


def every_listed_backup_verifies(letters: Letters) -> None:
    """Assert it."""
    listed = letters.shelf.list()
    assert [letters.shelf.check(bundle).id for bundle in listed] == list(listed)


def kill_a_restore(letters: Letters, step: str, end: str) -> None:
    """Kill a restore at a step and end it; assert that all is exactly as it was, or as in the backup."""
    new = letters.last
    letters.send()
    old = letters.look()
    assert old.content != new.content

    killed = letters.suite.run("restore", new.bundle, "--yes", **{FAILPOINT: f"restore.{step}"})
    assert killed.code == KILLED, killed.out + killed.err
    ended = letters.end(end)

    assert ended == end or step in NO_WAY_BACK
    assert letters.look().content == (new.content if ended == "--resume" else old.content)
    every_listed_backup_verifies(letters)


def kill_a_backup(letters: Letters, step: str) -> None:
    """Kill a backup at a step; assert that it is none, and that nothing was touched."""
    before, listed = letters.last, letters.shelf.list()

    assert letters.suite.run("backup", **{FAILPOINT: step}).code == KILLED

    assert letters.shelf.list() == listed or step in WHOLE
    every_listed_backup_verifies(letters)
    assert letters.look().content == before.content


def kill_at_a_random_moment(letters: Letters, seed: int) -> str:
    """Kill a backup and a restore at any moment, and end it in either way; return how far it came and how it ended.

    Asserts that all is exactly as it was, or as in the backup.
    """
    chance, new, usual = random.Random(seed), letters.last, letters.usual_restore
    letters.send()
    killed_sometime(letters.suite.start("backup"), chance.uniform(0.1, 1.0) * new.seconds)
    every_listed_backup_verifies(letters)
    old = letters.look()

    killed_sometime(letters.suite.start("restore", new.bundle, "--yes"), chance.uniform(0.1, 1.0) * usual)
    step, ended = letters.cut_off_at(), None
    if step is not None:
        ended = letters.end(chance.choice(["--resume", "--undo"]))
    possible = {None: [old.content, new.content], "--resume": [new.content], "--undo": [old.content]}[ended]

    assert letters.look().content in possible
    every_listed_backup_verifies(letters)
    return f"{step} {ended}"


def restore_over_damage(letters: Letters, rag: int) -> None:
    """Damage what RAG keeps so that it cannot start; assert that a restore can be taken back, and brings all back.

    `rag` is its process.
    """
    kept = letters.last
    (database,) = (Path(one.databases[0]) for one in letters.state().services if one.service == "rag")
    os.kill(rag, signal.SIGSTOP)  # it could mend the file from its WAL
    database.write_bytes(DAMAGED)
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    os.kill(rag, signal.SIGKILL)
    refused = letters.suite.run("backup")
    assert (refused.code, "aisuite restore ID" in refused.err) == (7, True), refused.err

    killed = letters.suite.run("restore", kept.bundle, "--yes", **{FAILPOINT: "restore.start"})
    assert killed.code == KILLED, killed.err
    assert letters.end("--undo") == "--undo"
    assert database.read_bytes() == DAMAGED

    (damaged,) = letters.done("restore", kept.bundle, "--yes", "--json").json["damaged"]
    assert Path(damaged["stays_as"]).read_bytes() == DAMAGED
    assert letters.suite.services()["rag"]["health"] == "healthy"
    assert letters.look().content == kept.content
