"""However a new version fails on real processes, the old one answers again by itself, with what it kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from aisuite.cli.generation_doors import ProjectData
from aisuite.cli.options import Session
from aisuite.cli.output import Output
from aisuite.cli.wiring import build_deps
from aisuite.ops.down import down
from aisuite.ops.generations import current_number
from aisuite.ops.up import UpRequest, up
from aisuite.ops.upgrade import UpgradeReport, UpgradeRequest, upgrade
from aisuite.stack.model import Role, Route, Service, Stack, State, Target
from aisuite.units import Seconds
from tests.fakes.stacks import make_service, make_stack
from tests.free_ports import free_ports

pytestmark = pytest.mark.e2e

PROJECT = "ledgers"
LEDGER = Path(__file__).with_name("ledger.py")


class Ledgers:
    """Two ledgers; of one of them there are better and worse versions."""

    def __init__(self, working: Path) -> None:
        self.folder = working / ".aisuite" / PROJECT
        self.ports = dict(zip(("ledger", "neighbour"), free_ports(2), strict=True))
        self.deps = build_deps(self.folder, "process", {})
        self.data = ProjectData(Session(Output("upgrade"), PROJECT, working / ".aisuite"))

    def stack(self, *version: str) -> Stack:
        return replace(
            make_stack(self._service("ledger", *version), self._service("neighbour", "1")),
            project=PROJECT,
            folder=self.folder,
            data=self.folder / "data",
            routes=(Route("none", (Target("ledger", "none", "http://127.0.0.1:1/v1", 1),)),),
        )

    def _service(self, name: str, *version: str) -> Service:
        folder = self.folder / "data" / name
        command = (sys.executable, str(LEDGER), str(self.ports[name]), str(folder / "rows.db"), *version)
        return replace(
            make_service(name, self.ports[name], command=command),
            role=Role.EMBEDDING,
            deadline=Seconds(60),
            state=State(databases=(str(folder / "rows.db"),)),
            data=str(folder),
        )

    def write(self, text: str) -> None:
        httpx.post(f"http://127.0.0.1:{self.ports['ledger']}/", content=text).raise_for_status()

    def rows(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"http://127.0.0.1:{self.ports['ledger']}/rows").json()
        return found

    def pid(self, name: str) -> int | None:
        found = self.deps.engine.observe().find(name)
        assert found is not None
        return found.pid

    def change(self, *version: str) -> UpgradeReport:
        return upgrade(UpgradeRequest(UpRequest(self.stack(*version)), window=8), self.deps, self.data)


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledgers]:
    ledgers = Ledgers(tmp_path_factory.mktemp("ledgers"))
    up(UpRequest(ledgers.stack("1")), ledgers.deps)
    try:
        ledgers.write("kept")
        yield ledgers
    finally:
        down(ledgers.deps)


@pytest.mark.parametrize(
    ("version", "restored"),
    [
        (("2", "migration"), False),  # one transaction: nothing of it is left
        (("3", "migration"), True),  # the step before it is in force
        (("2", "ill"), True),
    ],
    ids=["migration", "second-migration", "window"],
)
def test_the_old_version_comes_back_with_its_data(ledgers: Ledgers, version: tuple[str, ...], restored: bool) -> None:
    before, neighbour = ledgers.rows(), ledgers.pid("neighbour")
    report = ledgers.change(*version)
    assert (report.exit_code, report.back is not None) == (5, True)
    assert report.back is not None
    assert (report.back.restored == report.bundle) is restored
    assert ledgers.rows() == before == {"schema": 1, "rows": ["kept"]}
    assert current_number(ledgers.deps.workdir) == 1
    assert restored or ledgers.pid("neighbour") == neighbour  # whoever keeps something stops for a restore
