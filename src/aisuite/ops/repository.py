"""Backups in a repository beside the shelf: listed, verified where they lie, and brought back onto the shelf."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aisuite.bundle.stored import find_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aisuite.bundle.stored import Stored
    from aisuite.ports import Clock
    from aisuite.ports.archive import Repository, Shelf


@dataclass(frozen=True, slots=True)
class RepositoryReport:
    """All bundles of a repository, the newest first."""

    now: datetime
    bundles: tuple[Stored, ...]


def list_stored(repository: Repository, clock: Clock) -> RepositoryReport:
    """Return what is in a repository. Raises RestoreFailed."""
    return RepositoryReport(datetime.fromtimestamp(clock.now(), UTC), tuple(reversed(repository.bundles())))


def bring_back(wanted: str, project: str, shelf: Shelf, repository: Repository, opened: Callable[[Path], Shelf]) -> str:
    """Lay a bundle onto the shelf, unless it lies there; return its id.

    Raises UsageError, RestoreFailed, and BundleDamaged: then the shelf is as it was.
    """
    stored = find_stored(repository.bundles(), wanted, project)
    if stored.bundle not in shelf.list():
        with shelf.scratch() as scratch:
            repository.fetch(stored, scratch)
            opened(scratch).check(stored.bundle)
            shelf.adopt(scratch / stored.bundle)
    return stored.bundle


@contextmanager
def fetched(
    wanted: str | None, project: str, shelf: Shelf, repository: Repository, opened: Callable[[Path], Shelf]
) -> Iterator[tuple[str, Shelf]]:
    """Give a bundle's id, and a shelf for a while on which it lies as the repository has it.

    Raises UsageError, RestoreFailed, DiskFull.
    """
    stored = find_stored(repository.bundles(), wanted, project)
    with shelf.scratch() as scratch:
        repository.fetch(stored, scratch)
        yield stored.bundle, opened(scratch)
