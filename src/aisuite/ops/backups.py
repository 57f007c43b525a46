"""What is on the shelf: list the backups, check one again, remove those that no rule keeps."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aisuite.bundle import JOURNAL
from aisuite.bundle.identity import find_id, taken_at, utc_text
from aisuite.bundle.model import Kind, Level, Manifest, Verified
from aisuite.bundle.retention import Dated, Keep, Kept, judge, keep_of
from aisuite.errors import BundleDamaged, RestoreFailed, UsageError
from aisuite.ops.generations import current_number, list_generations
from aisuite.ops.upgrade_journal import read_upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aisuite.bundle.model import BundleFile, DatabaseFacts
    from aisuite.ports import Clock, Deps, Workdir
    from aisuite.ports.archive import Databases, Shelf
    from aisuite.stack.model import BackupPolicy

_LIST = "aisuite backup list"


@dataclass(frozen=True, slots=True)
class Shelved:
    """One bundle on a shelf."""

    id: str
    at: datetime  # when it was begun, UTC
    manifest: Manifest | None  # None: it cannot be read
    verified: Verified | None
    damage: str = ""  # why its manifest cannot be read; files are not looked at


@dataclass(frozen=True, slots=True)
class ShelfReport:
    """All bundles of a shelf, the newest first."""

    folder: Path
    project: str
    now: datetime
    bundles: tuple[Shelved, ...]


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """A bundle that passed."""

    manifest: Manifest
    verified: Verified
    databases: int  # that were unpacked and examined
    seconds: float


@dataclass(frozen=True, slots=True)
class ForgetRequest:
    """What to keep; `dry_run` removes nothing."""

    keep: Keep
    dry_run: bool = False
    prune: bool = False  # of a repository: it gives the space back at once


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What stayed and what went; the newest first."""

    kept: tuple[Kept, ...]
    removed: tuple[str, ...]
    bytes: int  # that these took
    left_alone: tuple[Shelved, ...]  # damaged, or another project's: the rules are not about them
    dry_run: bool


def list_backups(project: str, shelf: Shelf, clock: Clock) -> ShelfReport:
    """Return what is on a shelf."""
    bundles = tuple(_shelved(bundle, shelf) for bundle in reversed(shelf.list()))
    return ShelfReport(shelf.path, project, datetime.fromtimestamp(clock.now(), UTC), bundles)


def find_backup(wanted: str | None, project: str, shelf: Shelf) -> str:
    """Return the bundle whose id begins so; without it the project's newest. Raises UsageError."""
    bundles = shelf.list()
    if wanted is None:
        own = [one for one in (_shelved(bundle, shelf) for bundle in reversed(bundles)) if _is_of(one, project)]
        if not own:
            raise UsageError(f"there is no backup of {project} in {shelf.path}", "aisuite backup")
        return own[0].id
    return find_id(bundles, wanted, str(shelf.path), _LIST)


def verify_backup(bundle: str, level: Level, shelf: Shelf, databases: Databases, clock: Clock) -> VerifyReport:
    """Check a bundle, quick or full, and remember it. Raises BundleDamaged; it counts as verified no more, then."""
    begin = clock.monotonic()
    try:
        manifest = shelf.check(bundle)
        examined = _examine_all(manifest, shelf, databases) if level is not Level.QUICK else 0
    except BundleDamaged:
        shelf.set_verified(bundle, None)
        raise
    at = utc_text(clock.now())
    verified = Verified(level if level is Level.QUICK else Level.FULL, at)
    shelf.set_verified(bundle, verified)
    return VerifyReport(manifest, verified, examined, clock.monotonic() - begin)


def forget_backups(request: ForgetRequest, project: str, shelf: Shelf, deps: Deps) -> ForgetReport:
    """Remove what no rule keeps; the newest verified one stays. Raises UsageError, ProjectLocked, RestoreFailed."""
    with allowed_to_forget(request, deps.workdir):
        return _forget(request, project, shelf, deps.workdir)


@contextmanager
def allowed_to_forget(request: ForgetRequest, workdir: Workdir) -> Iterator[None]:
    """Hold the project unless nothing will be removed. Raises UsageError, ProjectLocked, RestoreFailed."""
    if not request.keep.says_something:
        raise UsageError("say what to keep: without a rule nothing is removed", "aisuite backup forget --keep-daily 7")
    if request.dry_run:
        yield
        return
    with workdir.lock("backup forget"):
        if workdir.read(JOURNAL) is not None:
            words = "a restore ended in the middle, and may need a backup to be taken back"
            raise RestoreFailed(words, "aisuite restore --resume   # or --undo")
        yield


def forget_by_policy(policy: BackupPolicy, project: str, shelf: Shelf, workdir: Workdir) -> ForgetReport | None:
    """Remove what the profile's rules do not keep; without one nothing goes. Who calls this holds the project."""
    keep = keep_of(policy)
    return _forget(ForgetRequest(keep), project, shelf, workdir) if keep.says_something else None


def _forget(request: ForgetRequest, project: str, shelf: Shelf, workdir: Workdir) -> ForgetReport:
    bundles = [_shelved(bundle, shelf) for bundle in shelf.list()]
    own = {one.id: one for one in bundles if _is_of(one, project)}
    dated = (Dated(one.id, one.at, one.verified is not None) for one in own.values())
    judged = judge(dated, request.keep, needed_to_go_back(workdir))
    going = tuple(one.id for one in judged if not one.reasons)
    size = sum(one.manifest.bytes for one in own.values() if one.manifest and one.id in going)
    for bundle in reversed(() if request.dry_run else going):  # the oldest first: cut off anywhere, the newer are left
        shelf.remove(bundle)
    return ForgetReport(
        kept=tuple(one for one in judged if one.reasons),
        removed=going,
        bytes=size,
        left_alone=tuple(one for one in reversed(bundles) if one.id not in own),
        dry_run=request.dry_run,
    )


def needed_to_go_back(workdir: Workdir) -> dict[str, str]:
    """Return the backups without which a rollback to the generation before, or of a killed `up`, has no data."""
    needed = {}
    if (pending := read_upgrade(workdir)) and pending.bundle is not None:
        needed[pending.bundle] = "an upgrade has not ended"
    now = current_number(workdir)
    known = [one for one in list_generations(workdir) if now is not None and one.number <= now]
    before = [one for one in known if one.good and one.number != now]
    for one in (*before[-1:], *known[-1:]):  # the current one, too: a change that was cut off has left it
        if one.left is not None and one.left.bundle is not None:
            needed.setdefault(one.left.bundle, f"goes with generation {one.number}")
    return needed


def _shelved(bundle: str, shelf: Shelf) -> Shelved:
    at = taken_at(bundle) or datetime.min.replace(tzinfo=UTC)
    try:
        return Shelved(bundle, at, shelf.manifest(bundle), shelf.verified(bundle))
    except BundleDamaged as err:
        return Shelved(bundle, at, None, None, err.message)


def _is_of(one: Shelved, project: str) -> bool:
    return one.manifest is not None and one.manifest.project == project


def _examine_all(manifest: Manifest, shelf: Shelf, databases: Databases) -> int:
    """Unpack and examine each database, one at a time. Raises BundleDamaged."""
    described = {one.file: one for one in manifest.databases}
    files = [file for file in manifest.files if file.kind is Kind.DATABASE]
    for file in files:
        wrong = _find_wrong(manifest.id, file, described.get(file.path), shelf, databases)
        if wrong:
            raise BundleDamaged(f"backup {manifest.id} is damaged: {file.path}: {wrong}", _LIST)
    return len(files)


def _find_wrong(bundle: str, file: BundleFile, told: DatabaseFacts | None, shelf: Shelf, databases: Databases) -> str:
    """Return in what a database is not as the manifest says; nothing when it is."""
    if told is None:
        return "the manifest does not describe it"
    with shelf.scratch() as scratch:
        target = scratch / file.path.rpartition("/")[2].removesuffix(".zst")
        shelf.extract(bundle, file, target)
        try:
            found = databases.examine(target)
        except BundleDamaged as err:
            return err.message
    if found.schema_version != told.schema_version:
        return f"its schema is version {found.schema_version}; the manifest says {told.schema_version}"
    if dict(found.rows) != dict(told.rows):
        return "it has not the rows that the manifest counts"
    return "" if found.content_digest == told.content_digest else "its rows are not those of the manifest"
