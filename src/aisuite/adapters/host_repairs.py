"""Puts right what can be put right without a loss."""

from __future__ import annotations

import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aisuite.errors import StateUnwritable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class LocalRepairs:
    """On this machine's files."""

    def close_to_others(self, path: Path) -> None:
        """Take every right of group and others."""
        with _translated(path):
            path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)

    def remove_file(self, path: Path) -> None:
        """Remove a file; fine when it is not there."""
        with _translated(path):
            path.unlink(missing_ok=True)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise StateUnwritable(f"cannot change {path}: {err.strerror}", f"ls -ld {path}") from err
