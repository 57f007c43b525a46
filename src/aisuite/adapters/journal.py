"""What happened, as JSON lines in a file that does not grow for ever."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from aisuite.adapters.durable import translated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LIMIT = 2**20  # bytes


class JournalFile:
    """Appends to one file, for its owner alone; full, it becomes `<name>.1`, and what was that before is gone."""

    def __init__(self, path: Path, limit: int = _LIMIT) -> None:
        self._path = path
        self._limit = limit

    def append(self, entry: Mapping[str, str]) -> None:
        """Add a line. Raises StateUnwritable, DiskFull."""
        line = json.dumps(entry, ensure_ascii=False) + "\n"
        with translated(self._path):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._rotate(len(line.encode()))
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            with os.fdopen(os.open(self._path, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(line)

    def _rotate(self, coming: int) -> None:
        try:
            size = self._path.lstat().st_size
        except FileNotFoundError:
            return
        if size and size + coming > self._limit:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
