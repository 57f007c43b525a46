"""Backups in a repository beside the shelf: listed, verified where they lie, fetched for a restore, forgotten."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aisuite.bundle import JOURNAL
from aisuite.bundle.identity import taken_at
from aisuite.bundle.retention import Dated, judge, keep_of
from aisuite.bundle.stored import find_stored
from aisuite.errors import BackupFailed, BundleDamaged, ProjectLocked
from aisuite.ops.backups import ForgetRequest, allowed_to_forget, needed_to_go_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aisuite.bundle.retention import Kept
    from aisuite.bundle.stored import Stored
    from aisuite.ports import Clock, Workdir
    from aisuite.ports.archive import Repository, Shelf
    from aisuite.stack.model import BackupPolicy


@dataclass(frozen=True, slots=True)
class RepositoryReport:
    """All bundles of a repository, the newest first."""

    now: datetime
    bundles: tuple[Stored, ...]


@dataclass(frozen=True, slots=True)
class StoredForgetReport:
    """What stayed in a repository and what went; the newest first."""

    kept: tuple[Kept, ...]
    removed: tuple[str, ...]
    left_alone: tuple[Stored, ...]  # of another project, machine or shelf: the rules are not about them
    dry_run: bool
    pruned: bool


def list_stored(repository: Repository, clock: Clock) -> RepositoryReport:
    """Return what is in a repository. Raises RestoreFailed."""
    return RepositoryReport(datetime.fromtimestamp(clock.now(), UTC), tuple(reversed(repository.bundles())))


def bring_back(
    wanted: str, project: str, places: tuple[Shelf, Shelf], repository: Repository, opened: Callable[[Path], Shelf]
) -> tuple[str, Shelf]:
    """Return a bundle's id and where it lies: on the first of two places if it is there, else fetched to the second.

    Raises UsageError, RestoreFailed, and BundleDamaged: then both are as they were.
    """
    stored = find_stored(repository.bundles(), wanted, project)
    for place in places:
        if stored.bundle in place.list():
            return stored.bundle, place
    _, lent = places
    with lent.scratch() as scratch, _damage_noted(stored, repository):
        repository.fetch(stored, scratch)
        opened(scratch).check(stored.bundle)
        lent.adopt(scratch / stored.bundle)
    return stored.bundle, lent


def give_back(lent: Shelf, workdir: Workdir) -> tuple[str, ...]:
    """Remove what was fetched for a restore, unless one that was cut off needs it; return what went.

    While another command works on the project nothing goes: the next restore removes it.
    """
    if not lent.list():
        return ()
    with suppress(ProjectLocked), workdir.lock("restore"):
        if workdir.read(JOURNAL) is None:
            gone = lent.list()
            for bundle in gone:
                lent.remove(bundle)
            return gone
    return ()


@contextmanager
def fetched(
    wanted: str | None, project: str, shelf: Shelf, repository: Repository, opened: Callable[[Path], Shelf]
) -> Iterator[tuple[Stored, Shelf]]:
    """Give what a repository has, and a shelf on which it lies for a while; damage that is found there is noted.

    Raises UsageError, RestoreFailed, DiskFull.
    """
    stored = find_stored(repository.bundles(), wanted, project)
    with shelf.scratch() as scratch, _damage_noted(stored, repository):
        repository.fetch(stored, scratch)
        yield stored, opened(scratch)


@contextmanager
def _damage_noted(stored: Stored, repository: Repository) -> Iterator[None]:
    try:
        yield
    except BundleDamaged as err:
        try:
            if not stored.damaged:
                repository.mark(stored, damaged=True)
        except BackupFailed as worse:
            raise BundleDamaged(f"{err.message}\nand that could not be noted: {worse.message}", err.hint) from err
        raise


def forget_stored(
    request: ForgetRequest, project: str, shelf: Shelf, repository: Repository, workdir: Workdir
) -> StoredForgetReport:
    """Remove what no rule keeps of what was made on this shelf; the newest that is not damaged stays.

    What another machine has stored, or a project of the same name in another folder, is its own.
    Raises UsageError, ProjectLocked, RestoreFailed, BackupFailed.
    """
    with allowed_to_forget(request, workdir):
        return _forget(request, project, shelf, repository, workdir)


def forget_stored_by_policy(
    policy: BackupPolicy, project: str, shelf: Shelf, repository: Repository, workdir: Workdir
) -> StoredForgetReport | None:
    """Remove what the profile's rules do not keep; without one nothing goes. Who calls this holds the project."""
    keep = keep_of(policy)
    return _forget(ForgetRequest(keep), project, shelf, repository, workdir) if keep.says_something else None


def _forget(
    request: ForgetRequest, project: str, shelf: Shelf, repository: Repository, workdir: Workdir
) -> StoredForgetReport:
    stored, place = repository.bundles(), (project, repository.host, str(shelf.path.resolve()))
    own = [one for one in stored if (one.project, one.host, one.shelf) == place]
    last = {one.bundle: one for one in own}  # of what was stored twice the last one counts, and they go together
    dated = (Dated(bundle, _begun(bundle), not one.damaged) for bundle, one in last.items())
    judged = judge(dated, request.keep, needed_to_go_back(workdir))
    going = tuple(one.id for one in judged if not one.reasons)
    if not request.dry_run:
        repository.forget([one for one in own if one.bundle in going], prune=request.prune)
    return StoredForgetReport(
        kept=tuple(one for one in judged if one.reasons),
        removed=going,
        left_alone=tuple(one for one in reversed(stored) if one not in own),
        dry_run=request.dry_run,
        pruned=request.prune and not request.dry_run,
    )


def _begun(bundle: str) -> datetime:
    return taken_at(bundle) or datetime.min.replace(tzinfo=UTC)
