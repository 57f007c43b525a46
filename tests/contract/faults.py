"""What breaks services, under contract: each with a project whose service `chat` can be broken."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from aisuite.adapters.engine_faults import EngineFaults
from aisuite.adapters.process_engine.faults import ProcessFaults
from aisuite.adapters.workdir import ProjectDir
from aisuite.drill.model import Action
from aisuite.plan.fingerprint import fingerprint
from aisuite.plan.observed import ALIVE, State
from aisuite.ports import Engine
from aisuite.ports.faults import Faults
from aisuite.stack.model import Endpoint, Stack
from tests.contract.engines import ProcessCase
from tests.fakes.engine import FakeEngine, Program
from tests.fakes.faults import FakeFaults
from tests.fakes.stacks import make_service, make_stack
from tests.fakes.workdir import FakeWorkdir
from tests.free_ports import free_port

CHAT = "chat"
_OURS = (sys.executable, "-m", "aisuite.services.embedding")


class FaultsCase(Protocol):
    """A project whose service `chat` runs."""

    lacks: Action  # what cannot be done to it

    def faults(self) -> Faults:
        """Return one more thing that breaks the project's services, as another command would."""

    def is_as_rendered(self) -> bool:
        """Whether `chat` runs, not paused, as it was rendered."""

    def take_away(self) -> None:
        """Let `chat` be gone, as an interrupted start leaves it."""


class FakeFaultsCase:
    """The fake of the use cases' tests."""

    lacks = Action.DROP

    def __init__(self) -> None:
        self._faults = FakeFaults({self.lacks: "there are no packets"})

    def faults(self) -> Faults:
        return self._faults

    def is_as_rendered(self) -> bool:
        return CHAT not in self._faults.broken

    def take_away(self) -> None:
        """Leave everything in its place: nothing is started here."""


class PlainRenderer:
    """Renders the parts of a stack that its engines compare."""

    def render(self, stack: Stack) -> dict[str, str]:
        return {f"process/services/{one.name}.json": repr(one) for one in stack.services}


class EngineCase:
    """What is shared by all engines, on a fake one."""

    lacks = Action.DROP

    def __init__(self) -> None:
        self._stack = make_stack(make_service(CHAT, 9000), make_service("embedding", 9001, command=_OURS))
        self._files = PlainRenderer().render(self._stack)
        self._workdir = FakeWorkdir(files=self._files)
        self._engine = FakeEngine({CHAT: Program()})
        _start(self._engine, self._stack, self._files)

    def faults(self) -> Faults:
        return EngineFaults(self._engine, self._stack, PlainRenderer(), self._workdir, patience=0)

    def is_as_rendered(self) -> bool:
        return self._workdir.files == self._files and runs_as_rendered(self._engine, self._stack, self._files)

    def take_away(self) -> None:
        self._engine.stop(CHAT)


class ProcessFaultsCase:
    """A project of local processes."""

    lacks = Action.PAUSE

    def __init__(self, folder: Path, patience: float = 0.0) -> None:
        self._patience = patience
        self._case = ProcessCase(folder, {CHAT: Program(), "embedding": _OURS})
        at = Endpoint("127.0.0.1", free_port())
        self.url = at.url
        services = tuple(replace(one, listen=at, published=at) for one in self._case.stack.services)
        self._case.stack = replace(self._case.stack, services=services)
        self._workdir = ProjectDir(folder)
        (folder / "secrets").mkdir(mode=0o700)
        (folder / "secrets" / "service_key").write_text(secrets.token_hex(16))
        self._files = self._case.render(self._case.stack)
        self._workdir.write(self._files)
        self.engine = self._case.engine()
        _start(self.engine, self._case.stack, self._files)

    def faults(self) -> Faults:
        return ProcessFaults(self._case.engine(), self._case.stack, self._case, self._workdir, self._patience)

    def is_as_rendered(self) -> bool:
        written = all(self._workdir.read(name) == text for name, text in self._files.items())
        return written and runs_as_rendered(self.engine, self._case.stack, self._files)

    def take_away(self) -> None:
        self.engine.stop(CHAT)


def _start(engine: Engine, stack: Stack, files: Mapping[str, str]) -> None:
    engine.open(stack)
    service = stack.service(CHAT)
    engine.start(service, fingerprint(service, files))


def runs_as_rendered(engine: Engine, stack: Stack, files: Mapping[str, str]) -> bool:
    """Whether `chat` runs as these files say."""
    found = engine.observe().find(CHAT)
    wanted = fingerprint(stack.service(CHAT), files)
    return (
        found is not None
        and found.state in ALIVE - {State.PAUSED}
        and found.pid is not None
        and found.fingerprint == wanted
    )
