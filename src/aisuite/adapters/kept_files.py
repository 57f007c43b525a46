"""The files that services keep, as they lie on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from aisuite.errors import BackupFailed

if TYPE_CHECKING:
    from pathlib import Path


class LocalFiles:
    """Looks at files and folders; a link counts as a file, and is followed nowhere."""

    def size(self, path: Path) -> int:
        """Return the bytes of a file, with a database's WAL, or of all files of a folder; 0 when nothing is there."""
        if path.is_dir():
            return sum(_size(path / name) for name in self.names(path))
        return _size(path) + _size(path.with_name(path.name + "-wal"))

    def names(self, folder: Path) -> tuple[str, ...]:
        """Return what lies below a folder and is no folder, as paths with "/", sorted. Raises BackupFailed."""

        def refuse(err: OSError) -> None:
            raise BackupFailed(f"cannot read {err.filename}: {err.strerror}", f"ls -ld {err.filename}") from err

        if not folder.is_dir():
            return ()
        found = []
        for place, folders, files in os.walk(folder, onerror=refuse):
            links = [name for name in folders if os.path.islink(os.path.join(place, name))]  # noqa: PTH114, PTH118
            found += [os.path.relpath(os.path.join(place, name), folder) for name in (*files, *links)]  # noqa: PTH118
        return tuple(sorted(found))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
