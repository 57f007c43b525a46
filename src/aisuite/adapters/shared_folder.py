"""A folder whose files people share: the lock of images, an offline bundle. Nothing half-written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.adapters.durable import SHARED, translated, write_durably

if TYPE_CHECKING:
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
        with translated(self._path / name):
            try:
                return (self._path / name).read_text(encoding="utf-8", errors="replace")
            except FileNotFoundError:
                return None

    def write(self, name: str, text: str) -> None:
        """Write a file, all or nothing, making the folder. Raises StateUnwritable, DiskFull."""
        with translated(self._path / name):
            self._path.mkdir(parents=True, exist_ok=True)
            write_durably(self._path / name, text.encode(), SHARED)
