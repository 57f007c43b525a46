"""Environments of former versions: nothing here uses them, but each takes most of a gigabyte."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.errors import StateUnwritable
from aisuite.ports import Leftover

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aisuite.adapters.gateway_env.environment import GatewayEnv

_BLOCK = 512  # bytes, whatever the file system's own


class GatewayLeftovers:
    """What lies beside the environment that this version uses."""

    def __init__(self, environment: GatewayEnv) -> None:
        self._environment = environment

    def find(self) -> tuple[Leftover, ...]:
        """Return them by path, each with who uses it even so: a suite that an older version has brought up, say."""
        found = self._environment.find_old()
        users = _find_users(found)
        what = "a gateway environment of another version"
        return tuple(Leftover(str(path), what, _measure(path), users.get(path)) for path in found)

    def remove(self, leftover: Leftover) -> None:
        """Remove one, when no aisuite makes an environment now. Raises StateUnwritable."""
        path = Path(leftover.name)
        try:
            with self._environment.locked(_wait):
                shutil.rmtree(path)
        except FileNotFoundError:
            return
        except OSError as err:
            raise StateUnwritable(f"cannot remove {err.filename or path}: {err.strerror}", f"ls -ld {path}") from err


def _measure(folder: Path) -> int:
    """Return what a folder takes on the disk; a file with two names in it counts once."""
    seen = {}
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # another aisuite is making or removing it
                status = os.lstat(os.path.join(place, name))  # noqa: PTH118  of 30,000 files
                seen[status.st_ino] = status.st_blocks
    return sum(seen.values()) * _BLOCK


def _find_users(folders: Iterable[Path]) -> dict[Path, str]:
    """Return {folder: "python, pid 42"} for each whose program somebody runs."""
    import psutil

    found = {}
    wanted = {path: f"{path}{os.sep}" for path in folders}
    for process in psutil.process_iter(["cmdline", "name"]) if wanted else ():
        words = process.info["cmdline"] or ()
        for path, inside in wanted.items():
            if any(word.startswith(inside) for word in words):
                found[path] = f"{process.info['name']}, pid {process.pid}"
    return found


def _wait(stage: str, done: int, total: int) -> None:
    """It does not take long."""
