"""`aisuite backup`: one bundle of everything that cannot be made again, verified before it is called one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite import __version__
from aisuite.bundle.identity import make_id, taken_at, utc_text
from aisuite.bundle.kept_state import FILE, parse_state
from aisuite.bundle.model import Level, Manifest, ModelReference, Verified
from aisuite.errors import BackupFailed, BundleDamaged, DataError, DiskFull, UsageError
from aisuite.ops.backup_age import write_age
from aisuite.ops.backup_content import Content
from aisuite.ops.backup_stores import OpenStore, stores_answering
from aisuite.ops.backups import ForgetReport, forget_by_policy
from aisuite.ops.generations import current_number, read_generation
from aisuite.ops.repository import forget_stored_by_policy
from aisuite.ops.restore_journal import refuse_unfinished
from aisuite.ports.failpoint import failpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aisuite.bundle.kept_state import ProjectState
    from aisuite.ops.repository import StoredForgetReport
    from aisuite.ports import Chat, Clock, Deps, Workdir
    from aisuite.ports.archive import Databases, KeptFiles, Repository, Sealer, Shelf, VectorStore

_SPARE = 64 * 2**20  # bytes that stay free whatever happens
_PER_POINT = 1024  # bytes of a point beside its vector, guessed: nobody knows before it is packed


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """What shall be in the bundle, and how it is made."""

    name: str | None = None
    quiesce: bool = False  # writers wait while the databases are copied
    with_models: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)  # versions of what took part
    by_policy: bool = False  # what the profile's rules do not keep is removed afterwards


@dataclass(frozen=True, slots=True)
class BackupDoors:
    """What a backup needs of the outside."""

    deps: Deps
    shelf: Shelf
    databases: Databases
    files: KeptFiles
    store: Callable[[str, str], VectorStore]  # URL and key
    chat: Chat  # posts to services that can hold their writers
    sealer: Sealer | None = None  # None: secrets are left out
    repository: Repository | None = None  # None: the shelf alone


@dataclass(frozen=True, slots=True)
class BackupReport:
    """The bundle that was made."""

    manifest: Manifest
    folder: Path
    seconds: float
    held: float | None  # seconds that writers waited; None: nobody asked them to
    snapshot: str | None  # what it is called in the repository
    level: Level = Level.FULL
    forgot: ForgetReport | None = None  # None: no rule says what stays
    forgot_stored: StoredForgetReport | None = None  # None: as above, or there is no repository
    exit_code: int = 0


def backup(request: BackupRequest, doors: BackupDoors) -> BackupReport:
    """Make a bundle of the project, running or stopped.

    Raises BackupFailed, BundleDamaged, DiskFull, ProjectLocked; nothing is left of a backup that failed.
    """
    if not doors.deps.workdir.folder.exists():
        raise UsageError(f"there is no project in {doors.deps.workdir.folder}", "aisuite up   # or --project NAME")
    with doors.deps.workdir.lock("backup"):
        refuse_unfinished(doors.deps.workdir)
        report = take_backup(request, doors)
        if not request.by_policy:
            return report
        return _forget_by_policy(report, doors)


def _forget_by_policy(report: BackupReport, doors: BackupDoors) -> BackupReport:
    workdir, repository = doors.deps.workdir, doors.repository
    state = read_state(workdir)
    forgot = forget_by_policy(state.backup, state.project, doors.shelf, workdir)
    if repository is None:
        return replace(report, forgot=forgot)
    try:
        stored = forget_stored_by_policy(state.backup, state.project, doors.shelf, repository, workdir)
    except DataError as err:
        raise BackupFailed(f"backup {report.manifest.id} is made and stored; {err.message}", err.hint) from err
    return replace(report, forgot=forgot, forgot_stored=stored)


def take_backup(request: BackupRequest, doors: BackupDoors) -> BackupReport:
    """Make a bundle; who calls this holds the project."""
    clock = doors.deps.clock
    began, state = clock.monotonic(), read_state(doors.deps.workdir)
    now = _a_second_of_its_own(doors.shelf, clock)
    bundle = make_id(now, request.name)
    failpoint("backup.begin")
    with stores_answering(state, doors) as stores:
        check_room(request, state, stores, doors)
        with doors.shelf.stage(bundle) as staging:
            content = Content(staging, state, doors)
            facts = content.take_all(stores, quiesce=request.quiesce, with_models=request.with_models)
            failpoint("backup.publish")
            manifest = _describe(request, state, doors, now)
            manifest = replace(
                manifest,
                id=bundle,
                files=tuple(content.files),
                databases=tuple(content.databases),
                collections=tuple(content.collections),
                facts={**request.facts, **facts},
                secrets_left_out=content.left_out,
            )
            staging.publish(manifest)
    failpoint("backup.verify")
    verify_new(doors.shelf, bundle, clock.now())
    write_age(doors.deps.workdir, doors.shelf, state.project, clock)
    stored = doors.repository.store(doors.shelf.path, bundle, state.project) if doors.repository else None
    return BackupReport(manifest, doors.shelf.path / bundle, clock.monotonic() - began, content.held, stored)


def _a_second_of_its_own(shelf: Shelf, clock: Clock) -> datetime:
    """Return now, once no backup was begun in this second: their ids tell their order.

    Listing them also sweeps what a killed backup has left, before there is less room for it.
    """
    taken = {taken_at(bundle) for bundle in shelf.list()}
    while (now := datetime.fromtimestamp(clock.now(), UTC)).replace(microsecond=0) in taken:
        clock.sleep(1 - now.microsecond / 1e6)
    return now


def read_state(workdir: Workdir) -> ProjectState:
    """Return what the project keeps, as its state.json says. Raises BackupFailed."""
    text = workdir.read(FILE)
    if text is None:
        why = f"{workdir.folder / FILE} is not there: nothing was brought up here, or by an earlier aisuite"
        raise BackupFailed(why, "aisuite up   # or aisuite render")
    try:
        return parse_state(text)
    except ValueError as err:
        raise BackupFailed(f"{workdir.folder / FILE} cannot be read: {err}", "aisuite render") from err


def check_room(request: BackupRequest, state: ProjectState, stores: Sequence[OpenStore], doors: BackupDoors) -> None:
    """Raise DiskFull unless there is room for everything twice: as it is copied, and as it is packed."""
    kept = [path for one in state.services for path in (*one.databases, *one.folders)]
    kept += [model.path for model in state.models] if request.with_models else []
    size = sum(doors.files.size(Path(path)) for path in kept)
    size += sum(one.points * (one.dim * 4 + _PER_POINT) for store in stores for one in store.collections)
    needed, free = 2 * size + _SPARE, doors.deps.host.free_bytes(doors.shelf.path)
    if free < needed:
        message = f"{free >> 20} MiB are free for {doors.shelf.path}; this backup may need {needed >> 20}"
        raise DiskFull(
            message, "aisuite backup --to FOLDER   # on another disk; or: aisuite backup forget --keep-last 3"
        )


def verify_new(shelf: Shelf, bundle: str, now: float) -> None:
    """Read a new bundle back from the disk; each database in it was examined before it was packed.

    Raises BackupFailed, and takes the bundle off the shelf, when it is not what was written.
    """
    try:
        shelf.check(bundle)
    except BundleDamaged as err:
        shelf.remove(bundle)
        raise BackupFailed(f"the disk gives back something else than was written: {err.message}", "dmesg") from err
    at = utc_text(now)
    shelf.set_verified(bundle, Verified(Level.FULL, at))


def _describe(request: BackupRequest, state: ProjectState, doors: BackupDoors, now: datetime) -> Manifest:
    """Return a manifest without its content."""
    generation = current_number(doors.deps.workdir)
    images = {one.image: one.digest or "" for one in state.images}
    if generation is not None:
        images |= read_generation(doors.deps.workdir, generation).images
    return Manifest(
        id="",
        name=request.name,
        created=utc_text(now),
        aisuite=__version__,
        project=state.project,
        engine=state.engine,
        profile=state.profile,
        phase=state.phase,
        generation=generation,
        services=tuple(one.service for one in state.services),
        files=(),
        models=tuple(ModelReference(one.path, doors.files.size(Path(one.path)), one.sha256) for one in state.models),
        images=images,
    )
