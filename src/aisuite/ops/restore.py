"""`aisuite restore`: what a backup holds comes back; whatever kills it, the end is exactly the old or the new state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.bundle import JOURNAL
from aisuite.bundle.identity import make_id
from aisuite.bundle.model import Kind
from aisuite.bundle.restore_plan import (
    CONFIG,
    choose,
    plan_collections,
    plan_items,
    refuse_another_project,
    refuse_another_version,
    refuse_newer_schema,
    space_needed,
)
from aisuite.bundle.restore_steps import (
    OldCollection,
    Restore,
    Store,
    format_journal,
    steps_left,
)
from aisuite.errors import AisuiteError, BundleDamaged, DiskFull, RestoreFailed, UsageError
from aisuite.ops.backup import read_state
from aisuite.ops.backup_stores import stores_answering
from aisuite.ops.restore_back import BACK
from aisuite.ops.restore_forward import FORWARD
from aisuite.ops.restore_journal import HOW_ON, read_unfinished, refuse_unfinished
from aisuite.ops.restore_work import RestoreDoors, Work, recorded_stack
from aisuite.plan.observed import ALIVE, State
from aisuite.ports.failpoint import failpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aisuite.bundle.kept_state import ProjectState
    from aisuite.bundle.model import KeptState, Manifest
    from aisuite.bundle.restore_steps import Item
    from aisuite.ops.backup_stores import OpenStore
    from aisuite.ports.archive import Shelf
    from aisuite.stack.model import Stack

_SPARE = 64 * 2**20  # bytes that stay free whatever happens
_TRYING = frozenset({State.RESTARTING, State.FAILED})  # it was wanted, and what it keeps may be why it does not run


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """Which backup, and how much of it."""

    bundle: str
    only: tuple[str, ...] = ()  # services, and "config"; empty: every service of the backup
    another: bool = False  # the backup may be another project's
    reconcile: bool = True  # False: who calls it starts other versions of the services behind it


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was restored, or would be, or was taken back."""

    restore: Restore
    manifest: Manifest
    seconds: float
    dry_run: bool = False
    exit_code: int = 0


def plan_restore(request: RestoreRequest, shelf: Shelf, doors: RestoreDoors) -> RestoreReport:
    """Verify the backup, and say what a restore would do. Raises what a restore raises before it touches anything."""
    clock = doors.deps.clock
    began = clock.monotonic()
    with doors.deps.workdir.lock("restore"):
        refuse_unfinished(doors.deps.workdir)
        restore, manifest, _ = _decide(request, shelf, doors)
    return RestoreReport(restore, manifest, clock.monotonic() - began, dry_run=True)


def restore_bundle(
    request: RestoreRequest, shelf: Shelf, doors: RestoreDoors, tell: Callable[[Restore], None] = lambda _: None
) -> RestoreReport:
    """Bring back what a backup holds, on a running and on a stopped stack.

    A step that fails is taken back with all before it. Raises BundleDamaged, RestoreRefused, UsageError, DiskFull with
    nothing touched, and RestoreFailed.
    """
    with doors.deps.workdir.lock("restore"):
        return take_restore(request, shelf, doors, tell)


def take_restore(
    request: RestoreRequest, shelf: Shelf, doors: RestoreDoors, tell: Callable[[Restore], None] = lambda _: None
) -> RestoreReport:
    """Restore; who calls this holds the project."""
    clock = doors.deps.clock
    began = clock.monotonic()
    refuse_unfinished(doors.deps.workdir)
    restore, manifest, stack = _decide(request, shelf, doors)
    ended = _forward(Work(restore, doors, shelf, manifest, stack), tell)
    return RestoreReport(ended, manifest, clock.monotonic() - began)


def resume_restore(doors: RestoreDoors, tell: Callable[[Restore], None] = lambda _: None) -> RestoreReport:
    """Finish a restore that was cut off. Raises UsageError when there is none, or it is being taken back."""
    clock = doors.deps.clock
    began = clock.monotonic()
    with doors.deps.workdir.lock("restore --resume"):
        work = _reopen(doors)
        if work.restore.back:
            raise UsageError("that restore is being taken back already", "aisuite restore --undo")
        ended = _forward(work, tell)
    return RestoreReport(ended, work.manifest, clock.monotonic() - began)


def undo_restore(doors: RestoreDoors, tell: Callable[[Restore], None] = lambda _: None) -> RestoreReport:
    """Take back a restore that was cut off. Raises UsageError when there is none, or there is no way back."""
    clock = doors.deps.clock
    began = clock.monotonic()
    with doors.deps.workdir.lock("restore --undo"):
        work = _reopen(doors)
        if not work.restore.can_go_back:
            raise UsageError(
                f"everything of backup {work.restore.bundle} is in force, and the old state is being removed",
                f"aisuite restore --resume, then: aisuite restore {work.restore.safety}   # the state before it",
            )
        ended = _carry_on(replace(work, restore=work.restore.turned_back()), tell)
    return RestoreReport(ended, work.manifest, clock.monotonic() - began)


def _decide(request: RestoreRequest, shelf: Shelf, doors: RestoreDoors) -> tuple[Restore, Manifest, Stack]:
    """Decide everything and change nothing. Raises for whatever speaks against it."""
    deps = doors.deps
    state, stack = read_state(deps.workdir), recorded_stack(deps.workdir)
    manifest = shelf.manifest(request.bundle)
    refuse_another_project(manifest, state.project, meant=request.another)
    chosen = choose(state, manifest, request.only)
    shelf.check(request.bundle)  # before anything is believed that it says of sizes and places
    items = plan_items(chosen, manifest, lambda path: doors.places.there(Path(path)))
    for item in items:
        refuse_newer_schema(manifest, item, _schema_here(item, doors))
    _check_room(manifest, doors)
    services = deps.engine.observe().services
    owners = {item.service for item in items} if request.reconcile else set[str]()
    wanted = state.services if chosen and request.reconcile else ()
    restore = Restore(
        id=make_id(datetime.fromtimestamp(deps.clock.now(), UTC)),
        bundle=request.bundle,
        shelf=str(shelf.path),
        project=state.project,
        config=CONFIG in request.only,
        running=tuple(one.name for one in services if one.state in ALIVE),
        broken=tuple(one.name for one in services if one.state in _TRYING and one.name in owners),
        items=items,
        stores=_look_at_stores(state, chosen, manifest, doors),
        reconcile=tuple((one.service, one.reconcile) for one in wanted if one.reconcile),
    )
    return restore, manifest, stack


def _schema_here(item: Item, doors: RestoreDoors) -> int | None:
    """Return the schema of the database that an item replaces; None where there is none, or it cannot be read."""
    if not item.files or not item.there or item.kind is not Kind.DATABASE:
        return None
    try:
        return doors.backup.databases.schema_version(Path(item.target))
    except BundleDamaged:
        return None  # which is why somebody restores


def _look_at_stores(
    state: ProjectState, chosen: Sequence[KeptState], manifest: Manifest, doors: RestoreDoors
) -> tuple[Store, ...]:
    wanted = replace(state, services=tuple(one for one in chosen if one.vectors is not None))
    if not wanted.services:
        return ()
    urls = {one.service: one.vectors or "" for one in wanted.services}
    with stores_answering(wanted, doors.backup) as stores:
        return tuple(_look_at(one, urls[one.service], manifest) for one in stores)


def _look_at(store: OpenStore, url: str, manifest: Manifest) -> Store:
    refuse_another_version(manifest, store.service, store.version)
    old = tuple(OldCollection(one.name, one.aliases) for one in store.collections)
    return Store(store.service, url, plan_collections(store.service, manifest), old)


def _check_room(manifest: Manifest, doors: RestoreDoors) -> None:
    folder = doors.deps.workdir.folder
    needed, free = space_needed(manifest) + _SPARE, doors.deps.host.free_bytes(folder)
    if free < needed:
        raise DiskFull(f"{free >> 20} MiB are free for {folder}; this restore needs {needed >> 20}", f"df -h {folder}")


def _reopen(doors: RestoreDoors) -> Work:
    restore = read_unfinished(doors.deps.workdir)
    if restore is None:
        raise UsageError("no restore was cut off here", "aisuite backup list   # what can be restored")
    shelf = doors.open_shelf(Path(restore.shelf))
    return Work(restore, doors, shelf, shelf.manifest(restore.bundle), recorded_stack(doors.deps.workdir))


def _forward(work: Work, tell: Callable[[Restore], None]) -> Restore:
    """Go on to the end; where a step fails, go back to the beginning."""
    try:
        return _carry_on(work, tell)
    except AisuiteError as err:
        reached = read_unfinished(work.doors.deps.workdir)
        if reached is None or not reached.can_go_back:
            raise RestoreFailed(f"the restore stopped before its end: {err.message}", HOW_ON) from err
        try:
            _carry_on(replace(work, restore=reached.turned_back()), tell)
        except AisuiteError as worse:
            message = f"the restore failed: {err.message}\nand could not be taken back: {worse.message}"
            raise RestoreFailed(message, "aisuite restore --undo") from err
        raise RestoreFailed(f"the restore failed, and everything is as before: {err.message}", err.hint) from err


def _carry_on(work: Work, tell: Callable[[Restore], None]) -> Restore:
    """Do the steps that are left, each journalled before it is begun."""
    workdir, restore = work.doors.deps.workdir, work.restore
    actions, way = (BACK, "undo") if restore.back else (FORWARD, "restore")
    for step in steps_left(restore):
        restore = restore.at(step)
        workdir.write({JOURNAL: format_journal(restore)})
        failpoint(f"{way}.{step}")
        tell(restore)
        restore = actions[step](replace(work, restore=restore)) or restore
    workdir.remove(JOURNAL)
    return restore
