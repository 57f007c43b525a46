"""A project with services that exist in tests only, in an old and a new state, and a process that can be killed."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.adapters.kept_files import LocalFiles
from aisuite.adapters.kept_places import KeptPlaces
from aisuite.adapters.sqlite_files import SqliteFiles
from aisuite.adapters.workdir import ProjectDir
from aisuite.bundle.kept_state import FILE, describe_state
from aisuite.ops.backup import BackupDoors, BackupRequest, backup
from aisuite.ops.generations import begin_generation, enter_generation
from aisuite.ops.restore import RestoreReport, RestoreRequest, restore_bundle
from aisuite.ops.restore_work import RestoreDoors
from aisuite.ports import failpoint as room
from aisuite.ports.failpoint import VARIABLE
from aisuite.stack.model import Stack, State
from tests.fakes.chat import FakeChat
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeEngine
from tests.fakes.stacks import make_service, make_stack
from tests.fakes.vector_store import FakeVectorStore
from tests.unit.ops.deps import make_world

RECONCILE = "http://127.0.0.1:8100/reconcile"


class Killed(BaseException):
    """Stands for the end of the process."""


@dataclass
class Project:
    """`diary` keeps databases and a folder, `vectors` collections; `embedding` keeps nothing."""

    folder: Path
    stack: Stack
    engine: FakeEngine
    store: FakeVectorStore
    chat: FakeChat
    clock: FakeClock
    doors: RestoreDoors

    @property
    def data(self) -> Path:
        return self.folder / "data" / "diary"

    @property
    def shelf(self) -> BundleShelf:
        return BundleShelf(self.folder / "backups")

    def up(self) -> None:
        self.engine.open(self.stack)
        for service in self.stack.services:
            self.engine.start(service, {})
        self.engine.calls.clear()

    def write(self, name: str, *pages: str) -> None:
        with closing(sqlite3.connect(self.data / name, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE IF NOT EXISTS pages (text)")
            database.executemany("INSERT INTO pages VALUES (?)", [(page,) for page in pages])

    def take(self) -> str:
        self.clock.sleep(1)
        return backup(BackupRequest(), self.doors.backup).manifest.id

    def restore(self, bundle: str, *only: str, **more: Any) -> RestoreReport:
        self.clock.sleep(1)
        return restore_bundle(RestoreRequest(bundle, only, **more), self.shelf, self.doors)

    def change(self) -> None:
        """Make everything different from what it was."""
        self.write("pages.db", "Wednesday")
        self.write("late.db", "made after the backup")
        (self.data / "pictures" / "글.txt").write_text("another picture")
        (self.data / "pictures" / "new.txt").write_text("a new picture")
        self.store.points["notes-1"]["3"] = "c"
        self.store.points["later-1"] = {"9": "z"}
        self.store.aliases["later"] = "later-1"
        self.store.points["plain"] = {"7": "changed"}

    def content(self) -> dict[str, object]:
        """Return all that the services keep, as their clients see it."""
        found: dict[str, object] = {}
        for path in sorted(self.data.rglob("*.db")):
            with closing(sqlite3.connect(path)) as database:
                found[path.name] = database.execute("SELECT text FROM pages").fetchall()
        for path in sorted((self.data / "pictures").rglob("*.txt")):
            found[str(path.relative_to(self.data))] = path.read_text()
        for alias, collection in sorted(self.store.aliases.items()):
            found[f"alias {alias}"] = dict(self.store.points[collection])
        aliased = set(self.store.aliases.values())
        return found | {name: dict(held) for name, held in sorted(self.store.points.items()) if name not in aliased}

    def leftovers(self) -> list[str]:
        """Return what a restore has left beside what the services keep."""
        beside = [one.name for one in self.data.rglob("*") if ".pre-" in one.name or ".new-" in one.name]
        scratch = [one.name for one in self.folder.iterdir() if one.name.startswith("restor")]
        return beside + scratch

    def running(self) -> set[str]:
        return {one.name for one in self.engine.observe().services}


def make_project(folder: Path) -> Project:
    """Return a project that is up, with something of everything."""
    data = folder / "data" / "diary"
    diary = State(
        databases=(str(data / "pages.db"), str(data / "late.db")),
        folders=(str(data / "pictures"),),
        reconcile_path="/reconcile",
    )
    stack = make_stack(
        replace(make_service("vectors", 8101), state=State(vectors=True)),
        replace(make_service("diary", 8100), state=diary),
        make_service("embedding", 8003),
    )
    stack = replace(stack, folder=folder, data=folder / "data")
    chat = FakeChat({RECONCILE: ({"requeued": 0, "deleted": 0},)})
    world = make_world(chat=chat, folder=folder)
    workdir, clock = ProjectDir(folder), FakeClock()
    state = describe_state(stack)
    workdir.write({FILE: state, "secrets/service_key": "k" * 64, "data/diary/pictures/글.txt": "picture"})
    deps = replace(world.deps, workdir=workdir, clock=clock)
    number = begin_generation(stack, {FILE: state}, deps, fetched=False, bundle=None)
    assert number is not None
    enter_generation(number, workdir, good=True)
    store = FakeVectorStore({"notes-1": {"1": "a", "2": "b"}, "plain": {"7": "g"}}, {"notes": "notes-1"})
    shelf = BundleShelf(folder / "backups")
    saving = BackupDoors(deps, shelf, SqliteFiles(), LocalFiles(), lambda *_: store, chat)
    doors = RestoreDoors(saving, KeptPlaces(), BundleShelf)
    project = Project(folder, stack, world.engine, store, chat, clock, doors)
    project.write("pages.db", "Monday", "Tuesday")
    project.up()
    return project


def let_die(monkeypatch: pytest.MonkeyPatch, where: str | None) -> Counter[str]:
    """Let the next run die at a failpoint, "name:n"; return how often each was passed, as it goes on."""

    def end(_: int) -> None:
        raise Killed

    passed: Counter[str] = Counter()
    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(room, "_times", passed)
    monkeypatch.setenv(VARIABLE, where or "nowhere")
    return passed


def all_of(passed: Counter[str]) -> list[str]:
    """Return every place at which a process could have died."""
    return [f"{name}:{time}" for name, times in passed.items() for time in range(1, times + 1)]


def die_in_restore(project: Project, bundle: str, where: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a restore die at a failpoint, and go on a second later."""
    let_die(monkeypatch, where)
    with pytest.raises(Killed):
        project.restore(bundle)
    let_die(monkeypatch, None)
    project.clock.sleep(1)
