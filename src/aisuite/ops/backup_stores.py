"""Vector stores for the time of a backup: those of a stopped stack are started alone, and stopped again."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.errors import BackupFailed, NotRunning
from aisuite.ops.backup_snapshots import sweep_snapshots
from aisuite.ops.generations import current_number, read_generation, read_stack
from aisuite.plan.observed import ALIVE
from aisuite.stack.places import SERVICE_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aisuite.bundle.kept_state import ProjectState
    from aisuite.bundle.model import CollectionFacts
    from aisuite.ops.backup import BackupDoors
    from aisuite.ports import Deps
    from aisuite.ports.archive import VectorStore
    from aisuite.stack.model import Service

_POLL = 0.1  # seconds
CHECKED = "aisuite-check-"  # how collections begin that are made to look into a snapshot, and removed at once


@dataclass(frozen=True, slots=True)
class OpenStore:
    """A vector store that answers."""

    service: str
    door: VectorStore
    version: str
    collections: tuple[CollectionFacts, ...]


@contextmanager
def stores_answering(state: ProjectState, doors: BackupDoors) -> Iterator[tuple[OpenStore, ...]]:
    """Give the vector stores of a project while they answer. Raises BackupFailed, NotRunning, StackError."""
    wanted = [(one.service, one.vectors) for one in state.services if one.vectors is not None]
    with services_running([name for name, _ in wanted], doors.deps):
        yield tuple(_open(name, url, doors) for name, url in wanted)


@contextmanager
def services_running(names: Sequence[str], deps: Deps) -> Iterator[None]:
    """Start those of these services that do not run, without those that they are part of; stop them at the end."""
    observed = deps.engine.observe()
    running = {one.name for one in observed.services if one.state in ALIVE}
    missing = [name for name in names if name not in running]
    with ExitStack() as undo:
        if missing:
            if not observed.engine_up:
                undo.callback(deps.engine.close)
            _start(missing, deps, undo)
        yield


def _start(names: Sequence[str], deps: Deps, undo: ExitStack) -> None:
    number = current_number(deps.workdir)
    if number is None:
        why = f"{', '.join(names)} is not running, and there is no generation to start it from"
        raise NotRunning(why, "aisuite up, then aisuite backup")
    stack = read_stack(deps.workdir, read_generation(deps.workdir, number))
    deps.engine.open(stack)
    for name in names:
        service = stack.service(name)
        undo.callback(deps.engine.stop, name)
        deps.engine.start(service, {})  # without a fingerprint: `up` makes it anew, should it find it
        _wait(service, deps)


def _wait(service: Service, deps: Deps) -> None:
    deadline = deps.clock.monotonic() + service.deadline
    while not (answer := deps.probe.ask(service.ready_url)).ready:
        if deps.clock.monotonic() > deadline:
            raise BackupFailed(f"{service.name} did not become ready: {answer.reason}", f"aisuite logs {service.name}")
        deps.clock.sleep(_POLL)


def _open(service: str, url: str, doors: BackupDoors) -> OpenStore:
    key = (doors.deps.workdir.read(f"secrets/{SERVICE_KEY}") or "").strip()
    door = doors.store(url, key)
    found = door.collections(sampled=False)
    for one in found:
        if one.name.startswith(CHECKED):
            door.remove(one.name)  # of a backup that was killed
    sweep_snapshots(service, door, [one.name for one in found], doors.deps.workdir)
    return OpenStore(service, door, door.version(), tuple(one for one in found if not one.name.startswith(CHECKED)))
