"""`aisuite rollback`: bring back an older generation, as it was rendered then and with the images it had."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from aisuite.errors import DownloadFailed, RestoreRefused, UsageError
from aisuite.ops.generations import (
    FOLDER,
    current_number,
    enter_generation,
    list_generations,
    read_files,
    read_generation,
    read_stack,
    schemas_now,
)
from aisuite.ops.record import read_record, write_record
from aisuite.ops.settle import CARD
from aisuite.ops.up import UpReport, UpRequest, up
from aisuite.ops.upgrade_journal import Pending, begin_upgrade, end_upgrade, read_upgrade
from aisuite.stack.model import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aisuite.ops.carry_out import Event
    from aisuite.ops.generations import Generation
    from aisuite.ports import Deps, Images, Workdir
    from aisuite.stack.model import Stack


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """Which generation; None: the one before, or the one that an upgrade was killed over.

    `lose`: where the schema of a database has changed since, bring back the backup that was made just before.
    """

    number: int | None = None
    lose: bool = False


@dataclass(frozen=True, slots=True)
class RollbackReport:
    """The generation that runs again."""

    generation: Generation
    before: int | None  # the number of the one that was left
    up: UpReport
    seconds: float
    restored: str | None = None  # the backup whose databases were brought back

    @property
    def exit_code(self) -> int:
        """That of the `up`."""
        return self.up.exit_code


@dataclass(frozen=True, slots=True)
class _Kept:
    """Renders what was rendered then, whatever templates and profile say now."""

    files: Mapping[str, str]

    def render(self, _stack: Stack) -> dict[str, str]:
        return dict(self.files)


class SavedData(Protocol):
    """What the services keep, as a backup has it. Its calls take the project's lock themselves."""

    def holds(self, bundle: str) -> bool:
        """Whether a backup is still there."""

    def restore(self, bundle: str) -> None:
        """Bring back what a backup holds, while no service runs that keeps anything. Raises DataError."""

    def reconcile(self, stack: Stack) -> None:
        """Let running services make what they derive follow what they keep. Raises StepFailed, NotRunning."""


def rollback(
    request: RollbackRequest, deps: Deps, data: SavedData, listen: Callable[[Event], None] = lambda _: None
) -> RollbackReport:
    """Make what runs equal to an older generation; services that are the same in both are left alone.

    Raises UsageError, RestoreRefused (nothing was touched), and what `up` and a restore raise.
    """
    began = deps.clock.monotonic()
    before = current_number(deps.workdir)
    target = read_generation(deps.workdir, choose_target(deps.workdir, request.number))
    stack, files = read_stack(deps.workdir, target), read_files(deps.workdir, target)
    changed = changed_schemas(target, stack, deps)
    bundle = _bundle_for(target, changed, data, lose=request.lose)
    with deps.workdir.lock("rollback"):
        _give_names_back(target, deps.images)
        card = deps.workdir.read(f"{FOLDER}/{target.number}/{CARD}")
        if card is not None:
            deps.workdir.write({CARD: card})
        if bundle is not None:
            for service in stack.services:
                if service.state != State():
                    deps.engine.stop(service.name)  # the others answer meanwhile
            begin_upgrade(deps.workdir, Pending(target.number, bundle))  # cut off from here on, the next goes on
            deps.workdir.write(files)
            enter_generation(target.number, deps.workdir, good=False)
    if bundle is not None:
        data.restore(bundle)
    try:
        report = up(_as_it_was(stack, deps), replace(deps, renderer=_Kept(files)), listen)
    finally:  # also what came up of it only in part is no work of the profile
        _note_generation(target, deps)
    if bundle is not None:
        data.reconcile(stack)
    end_upgrade(deps.workdir)
    return RollbackReport(target, before, report, deps.clock.monotonic() - began, bundle)


def as_brought_back(number: int, deps: Deps) -> tuple[Stack, Deps]:
    """Return the stack that a rollback has brought back, and what renders it as it was.

    Raises UsageError, StepFailed.
    """
    found = read_generation(deps.workdir, number)
    return read_stack(deps.workdir, found), replace(deps, renderer=_Kept(read_files(deps.workdir, found)))


def choose_target(workdir: Workdir, wanted: int | None) -> int:
    """Return the number of the generation to go to. Raises UsageError when there is none."""
    if wanted is not None:
        return wanted
    if pending := read_upgrade(workdir):
        return pending.generation
    now = current_number(workdir)
    if now is None:
        raise UsageError(f"there is no generation in {workdir.folder} to go back to", "aisuite up")
    before = [one.number for one in list_generations(workdir) if one.good and one.number < now]
    if not before:
        raise UsageError(f"there is no generation before {now} that was up", "aisuite rollback --list")
    return before[-1]


def changed_schemas(target: Generation, stack: Stack, deps: Deps) -> tuple[str, ...]:
    """Say in words which databases have a newer schema than when the generation was left; older ones are migrated."""
    if target.left is None:
        return ()
    now = schemas_now(stack, deps)
    then = target.left.schemas
    return tuple(
        f"{path} has the schema {now[path]}, and had {then[path]}"
        for path in sorted(now.keys() & then.keys())
        if now[path] > then[path]
    )


def _bundle_for(target: Generation, changed: tuple[str, ...], data: SavedData, *, lose: bool) -> str | None:
    """Return the backup to bring back; None where no schema has changed. Raises RestoreRefused."""
    if not changed:
        return None
    facts = "\n".join([f"databases have changed since generation {target.number}:", *(f"- {one}" for one in changed)])
    bundle = target.left.bundle if target.left is not None else None
    if bundle is None:
        raise RestoreRefused(f"{facts}\nno backup was made before they did; nothing was touched", "aisuite backup list")
    if not data.holds(bundle):
        raise RestoreRefused(
            f"{facts}\nthe backup {bundle} from before is not there any more; nothing was touched",
            "aisuite backup list",
        )
    if not lose:
        raise RestoreRefused(
            f"{facts}\nall that was written since the backup {bundle} would be lost; nothing was touched",
            f"aisuite rollback {target.number} --yes",
        )
    return bundle


def _give_names_back(target: Generation, images: Images | None) -> None:
    """Let the names of images mean again what they meant then. Raises DownloadFailed before anything is touched."""
    if images is None:
        return
    moved = []
    for name, image in target.images.items():
        found = images.find(name)
        if "@" in name or (found is not None and found.id == image):
            continue  # a digest always means the same: what is missing is fetched
        if images.find(image) is None:
            raise DownloadFailed(
                f"generation {target.number} ran {name} from the image {image}, which is not on this machine any more",
                "aisuite images load FOLDER",
            )
        moved.append((image, name))
    for image, name in moved:
        images.tag(image, name)


def _note_generation(target: Generation, deps: Deps) -> None:
    """Let those who start services again know that the profile is not what runs. Raises ProjectLocked."""
    with deps.workdir.lock("rollback"):
        record = read_record(deps.workdir)
        if record is not None:
            write_record(deps.workdir, replace(record, generation=target.number))


def _as_it_was(stack: Stack, deps: Deps) -> UpRequest:
    """Ask for a stack that once was up; what comes up of it stays, whatever else fails."""
    record = read_record(deps.workdir)
    file = record.profile_file if record is not None and record.profile == stack.profile else None
    return UpRequest(
        stack, profile_file=None if file is None else Path(file), keep=True, by_image=deps.images is not None, part=True
    )
