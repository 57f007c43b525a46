"""A drill brings a backup up beside the suite, asks what clients would ask, and leaves nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.adapters.workdir import ProjectDir
from aisuite.bundle.kept_state import FILE, describe_state
from aisuite.bundle.model import Level
from aisuite.errors import ProjectLocked, RestoreFailed
from aisuite.ops.restore_work import RestoreDoors
from aisuite.ops.verify_drill import DrillDoors, DrillReport, drill_backup
from aisuite.stack.model import Stack
from tests.fakes.chat import FakeChat
from tests.fakes.vector_store import FakeVectorStore
from tests.unit.ops.deps import make_world
from tests.unit.ops.restore_rig import Project, make_project


class Agreeing(FakeChat):
    """Agrees to whatever is posted."""

    def post(self, url: str, key: str, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        return {}


class StateOnly:
    """Renders what a restore reads."""

    def render(self, stack: Stack) -> dict[str, str]:
        return {FILE: describe_state(stack)}


class Nothing:
    """An engine that keeps no volumes."""

    def find(self) -> tuple[str, ...]:
        return ()

    def remove(self, name: str) -> None:
        raise AssertionError(name)


@dataclass
class Bench:
    """A project with one backup, and a store for the scratch suite."""

    project: Project
    bundle: str
    store: FakeVectorStore

    @property
    def gate(self) -> ProjectDir:
        return ProjectDir(self.project.folder / "gate")

    def drill(self) -> DrillReport:
        deps = self.project.doors.deps
        doors = DrillDoors(deps.workdir, self.gate, deps.host, self._open, lambda _: Nothing())
        return drill_backup(self.bundle, self.project.shelf, doors)

    def _open(self, folder: Path) -> RestoreDoors:
        own = self.project.doors
        deps = replace(
            make_world(folder=folder).deps, workdir=ProjectDir(folder), clock=own.deps.clock, renderer=StateOnly()
        )
        shelf = BundleShelf(folder / "backups")
        backup = replace(own.backup, deps=deps, shelf=shelf, store=lambda *_: self.store, chat=Agreeing())
        return replace(own, backup=backup)


@pytest.fixture
def bench(tmp_path: Path, quick_disk: None) -> Bench:
    project = make_project(tmp_path / "suites" / "suite")
    return Bench(project, project.take(), FakeVectorStore())


def test_a_drill_compares_asks_and_leaves_nothing(bench: Bench) -> None:
    before = bench.project.content()

    report = bench.drill()

    assert (report.rows, report.points, report.looked.points, report.looked.queries) == (2, 3, 3, 3)
    assert bench.project.shelf.verified(bench.bundle) == report.verified
    assert report.verified.level is Level.DRILL
    assert bench.project.content() == before
    assert [one.name for one in bench.project.folder.parent.iterdir()] == ["suite"]


def test_a_store_that_does_not_find_what_it_holds_does_not_pass(bench: Bench) -> None:
    bench.store.forgetful = True

    with pytest.raises(RestoreFailed, match="finds 0% of what is nearest"):
        bench.drill()

    verified = bench.project.shelf.verified(bench.bundle)
    assert verified is not None
    assert verified.level is Level.FULL
    assert [one.name for one in bench.project.folder.parent.iterdir()] == ["suite"]


def test_a_second_drill_is_refused_while_one_runs(bench: Bench) -> None:
    with bench.gate.lock("backup verify --level drill"), pytest.raises(ProjectLocked, match="verify --level drill"):
        bench.drill()
    assert bench.drill().looked.points == 3
