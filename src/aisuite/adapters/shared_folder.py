"""A folder whose files people share: the lock of images, an offline bundle. Nothing half-written."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aisuite.adapters.durable import SHARED, write_durably
from aisuite.errors import DiskFull, StateUnwritable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class SharedFolder:
    """Reads and writes small texts in one folder, with the rights that the umask gives."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()

    @property
    def path(self) -> Path:
        """The absolute path."""
        return self._path

    def read(self, name: str) -> str | None:
        """Return a file's text, or None when it is not there. Raises StateUnwritable when it cannot be read."""
        with _translated(self._path / name):
            try:
                return (self._path / name).read_text(encoding="utf-8", errors="replace")
            except FileNotFoundError:
                return None

    def write(self, name: str, text: str) -> None:
        """Write a file, all or nothing, making the folder. Raises StateUnwritable, DiskFull."""
        with _translated(self._path / name):
            self._path.mkdir(parents=True, exist_ok=True)
            write_durably(self._path / name, text.encode(), SHARED)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no space left to write {path}", f"df -h {path.parent}") from err
        raise StateUnwritable(f"cannot use {path}: {err.strerror}", f"ls -ld {path.parent}") from err
