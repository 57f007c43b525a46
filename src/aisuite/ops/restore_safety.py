"""The backup that a restore makes first; a database that is damaged cannot be in it, and is kept as it lies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.errors import BundleDamaged, DataError
from aisuite.ops.backup import BackupRequest, read_state, take_backup

if TYPE_CHECKING:
    from collections.abc import Collection

    from aisuite.bundle.restore_steps import Restore
    from aisuite.ops.restore_work import Work
    from aisuite.ports.archive import KeptFiles

_REQUEST = BackupRequest(name="before-restore")


@dataclass(frozen=True, slots=True)
class _Without:
    """To a backup, a database that cannot be read is not there."""

    files: KeptFiles
    damaged: Collection[Path]

    def size(self, path: Path) -> int:
        return 0 if path in self.damaged else self.files.size(path)

    def names(self, folder: Path) -> tuple[str, ...]:
        return self.files.names(folder)


def back_up_first(work: Work) -> Restore:
    """Back up what is there now, without databases that are damaged: they are why a person restores."""
    doors, damaged = work.doors.backup, tuple[Path, ...]()
    try:
        made = take_backup(_REQUEST, doors)
    except DataError:
        damaged = _find_damaged(work)
        if not damaged:
            raise
        made = take_backup(_REQUEST, replace(doors, files=_Without(doors.files, damaged)))
    return replace(work.restore, safety=made.manifest.id, damaged=tuple(map(str, damaged)))


def _find_damaged(work: Work) -> tuple[Path, ...]:
    kept = read_state(work.doors.deps.workdir).services
    databases = [Path(place) for one in kept for place in one.databases if work.doors.backup.files.size(Path(place))]
    work.doors.places.make_folder(work.scratch)
    try:
        return tuple(place for place in databases if _is_damaged(place, work))
    finally:
        work.doors.places.remove(work.scratch)


def _is_damaged(place: Path, work: Work) -> bool:
    databases, copy = work.doors.backup.databases, work.scratch / "examined.db"
    work.doors.places.remove(copy)
    try:
        with databases.freeze(place) as frozen:
            frozen.copy(copy)
        databases.examine(copy)
    except BundleDamaged:
        return True
    return False
