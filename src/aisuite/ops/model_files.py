"""Whether model files are here, also where this user may not look."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def is_here(path: Path) -> bool:
    """Return whether a file is there and may be seen; pathlib itself raises for a folder that may not be entered."""
    try:
        return path.is_file()
    except OSError:
        return False


def why_not_here(path: Path) -> str:
    """Return what stands in the way of a file that is not here, in brackets; empty when there is just nothing."""
    try:
        return " (a folder stands there)" if path.is_dir() else ""
    except OSError as err:
        return f" ({(err.strerror or str(err)).lower()})"
