"""Fakes, bundled as the use cases take them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.ports import Deps
from tests.fakes.chat import FakeChat
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeEngine, Program
from tests.fakes.gpu import FakeGpu
from tests.fakes.host import FakeHost
from tests.fakes.probe import FakeProbe
from tests.fakes.workdir import FakeWorkdir

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.ports import Preparer, Progress
    from aisuite.stack.model import Stack


class FakeRenderer:
    """Renders one file for each stack."""

    def render(self, stack: Stack) -> dict[str, str]:
        return {f"{stack.engine}.txt": " ".join(service.name for service in stack.services)}


@dataclass
class FakePreparer:
    """Done as soon as it ran; `fails` is raised instead."""

    what: str = "make it"
    fails: Exception | None = None
    ran: list[str] = field(default_factory=list)

    def done(self) -> bool:
        return bool(self.ran)

    def run(self, progress: Progress) -> None:
        progress("making", 1, 2)
        if self.fails:
            raise self.fails
        self.ran.append("ran")


@dataclass
class World:
    """Fakes that a test can look into, and the bundle that a use case takes."""

    engine: FakeEngine
    workdir: FakeWorkdir
    host: FakeHost
    chat: FakeChat
    deps: Deps


def make_world(
    programs: Mapping[str, Program] | None = None,
    preparers: Mapping[str, Preparer] | None = None,
    chat: FakeChat | None = None,
    folder: Path = Path("/srv/aisuite/.aisuite/aisuite"),
) -> World:
    """Return a world in which these programs behave as said."""
    engine, workdir, host = FakeEngine(programs), FakeWorkdir(folder), FakeHost()
    chat = chat or FakeChat()
    deps = Deps(
        engine=engine,
        probe=FakeProbe(engine),
        renderer=FakeRenderer(),
        workdir=workdir,
        host=host,
        clock=FakeClock(),
        gpu=FakeGpu(),
        preparers=preparers or {},
    )
    return World(engine, workdir, host, chat, deps)
