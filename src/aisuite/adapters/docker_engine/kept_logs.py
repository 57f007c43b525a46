"""What a container wrote is gone with it; its last lines are kept in the project folder, so that `logs` can tell."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEPT_LINES = 2000  # of one container
_MOST_BYTES = 8 * 2**20  # of all containers of a service; then the file starts anew


def keep(path: Path, lines: Sequence[str]) -> None:
    """Add lines to a log; nothing is written when there is no project folder, or no space: they are a convenience."""
    if not lines or not path.parent.parent.is_dir():
        return
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if path.is_file() and path.stat().st_size > _MOST_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
        with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:  # noqa: PTH123
            file.write("".join(f"{line}\n" for line in lines).encode())


def read_kept(path: Path, count: int) -> tuple[str, ...]:
    """Return the last lines, oldest first; empty when there is no log."""
    try:
        lines = path.read_bytes().decode(errors="replace").split("\n")[:-1]
    except OSError:
        return ()
    return tuple(lines[max(0, len(lines) - count) :])
