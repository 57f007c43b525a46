"""One snapshot of machine, engine, files and project, for the checks: what they read, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aisuite.errors import AisuiteError
from aisuite.ops.drill_undo import JOURNAL
from aisuite.ops.gather_supplies import look_at_card, look_at_digests, look_at_gpu, look_at_images, look_at_models
from aisuite.ops.live_findings import live_findings
from aisuite.ops.record import read_record
from aisuite.plan.observed import ALIVE, State
from aisuite.preflight.snapshot import Docker, Live, PortUse, Project, Section, Snapshot, Web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from aisuite.plan.live import LiveProject
    from aisuite.ports import Deps, Engine, Images
    from aisuite.ports.facts import EngineFacts, MachineFacts
    from aisuite.ports.models import ModelFiles
    from aisuite.preflight.snapshot import Disk, Git, Machine, Programs, SecretFile
    from aisuite.stack.image_lock import Locked
    from aisuite.stack.model import Stack
    from aisuite.vram.model import VramPlan


@dataclass(frozen=True, slots=True)
class FactDoors:
    """Whom to ask. `deps` belong to the project as it stands on disk, `engine` is the one that shall run the stack."""

    deps: Deps
    engine: Engine
    machine: MachineFacts
    container_engine: EngineFacts | None  # None, as the next two: local processes
    images: Images | None
    files: ModelFiles
    read_live: Callable[[], LiveProject] | None
    old_environments: Callable[[], tuple[Path, ...]]
    plan_card: Callable[[], VramPlan | None]  # raises what a plan raises


@dataclass(frozen=True, slots=True)
class FactRequest:
    """What to look at."""

    stack: Stack
    working_dir: Path
    programs: Programs
    lock: Mapping[str, Locked]
    flags: str = ""  # what chooses the same profile again, for hints
    project_flags: str = ""
    cpu_only: str | None = None
    online: bool = False


def gather(request: FactRequest, doors: FactDoors, sections: AbstractSet[Section]) -> Snapshot:
    """Look at these sections, all at the same time; the others keep their defaults."""
    with ThreadPoolExecutor(max_workers=len(_LOOKS)) as pool:
        asked = {one: pool.submit(_LOOKS[one], request, doors) for one in sections}
    found: dict[str, Any] = {section.value: future.result() for section, future in asked.items()}
    return Snapshot(request.stack, request.working_dir, request.flags, request.project_flags, **found)


def _machine(_: FactRequest, doors: FactDoors) -> Machine:
    host = doors.deps.host
    return replace(
        doors.machine.machine(), cpus=host.cpus(), free_memory=host.free_memory(), now=doors.deps.clock.now()
    )


def _docker(_: FactRequest, doors: FactDoors) -> Docker:
    return Docker() if doors.container_engine is None else doors.container_engine.describe()


def _live(_: FactRequest, doors: FactDoors) -> Live:
    if doors.read_live is None:
        return Live()
    try:
        return Live(tuple(str(one) for one in live_findings(doors.read_live())))
    except AisuiteError as err:
        return Live(fault=err.message)


def _ports(request: FactRequest, doors: FactDoors) -> tuple[PortUse, ...]:
    """Ask for each port; what the running stack holds itself is its own."""
    own, in_engine = _own_ports(doors), _ports_of_engine(doors)
    host = doors.deps.host
    found = []
    for service in request.stack.services:
        at = service.published
        holder = in_engine.get(at.port) or host.port_holder(at.host, at.port)
        ours = holder is not None and own.get(service.name) == at.port
        found.append(PortUse(service.name, at.host, at.port, holder, ours))
    return tuple(found)


def _own_ports(doors: FactDoors) -> dict[str, int]:
    """Return {service: port} of what runs; the record knows the ports, also when the profile has changed since."""
    record = read_record(doors.deps.workdir)
    if record is None:
        return {}
    try:
        alive = {one.name for one in doors.deps.engine.observe().services if one.state in ALIVE}
    except AisuiteError:  # then nothing of it runs where we could see it
        return {}
    return {one.name: int(one.url.rpartition(":")[2]) for one in record.services if one.name in alive}


def _ports_of_engine(doors: FactDoors) -> Mapping[int, str]:
    try:
        return doors.engine.port_holders()
    except AisuiteError:  # another check says that it does not answer
        return {}


def _disks(request: FactRequest, doors: FactDoors) -> tuple[Disk, ...]:
    stack = request.stack
    return (doors.machine.disk("data", stack.data), doors.machine.disk("project", stack.folder))


def _secrets(request: FactRequest, doors: FactDoors) -> tuple[SecretFile, ...]:
    folder = request.stack.folder / "secrets"
    kept = [folder / name for name in request.stack.secrets]
    headers = [folder / f"{name}.header" for name in request.stack.secrets]
    return doors.machine.secrets([request.working_dir / ".env", *kept, *headers])


def _git(request: FactRequest, doors: FactDoors) -> Git | None:
    return doors.machine.git(request.working_dir)


def _project(request: FactRequest, doors: FactDoors) -> Project:
    workdir = doors.deps.workdir
    record = read_record(workdir)
    found = Project(
        runs_on=record.engine if record else None,
        drill=workdir.read(JOURNAL) is not None,
        half_written=doors.machine.half_written(request.stack.folder),
        old_environments=doors.old_environments(),
    )
    try:
        services = doors.deps.engine.observe().services
    except AisuiteError as err:
        return replace(found, fault=err.message)
    alive = tuple(one.name for one in services if one.state in ALIVE)
    return replace(
        found,
        orphaned=tuple(one.name for one in services if one.state is State.ORPHANED),
        unrecorded=alive if record is None else (),
    )


def _programs(request: FactRequest, _: FactDoors) -> Programs:
    return request.programs


def _web(request: FactRequest, doors: FactDoors) -> Web:
    return doors.machine.web() if request.online else Web()


_LOOKS: Mapping[Section, Callable[[FactRequest, FactDoors], Any]] = {
    Section.MACHINE: _machine,
    Section.DOCKER: _docker,
    Section.IMAGES: look_at_images,
    Section.LIVE: _live,
    Section.GPU: look_at_gpu,
    Section.CARD: look_at_card,
    Section.PORTS: _ports,
    Section.MODELS: look_at_models,
    Section.DIGESTS: look_at_digests,
    Section.DISKS: _disks,
    Section.SECRETS: _secrets,
    Section.GIT: _git,
    Section.PROJECT: _project,
    Section.PROGRAMS: _programs,
    Section.WEB: _web,
}
