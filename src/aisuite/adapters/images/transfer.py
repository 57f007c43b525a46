"""How far a pull is, from the engine's events; and whether the disk can take the rest."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisuite.errors import DiskFull

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPARE = 2**30  # bytes of disk that a pull leaves free
_UNPACKED = 3  # a layer on disk, in sizes of its download; what is measured is usually 2 to 3


class Layers:
    """The layers of one image while they come."""

    def __init__(self) -> None:
        self._wanted: dict[str, int] = {}
        self._fetched: dict[str, int] = {}

    def see(self, event: Mapping[str, Any]) -> None:
        """Take one event of the engine."""
        layer, detail = event.get("id"), event.get("progressDetail") or {}
        if not layer:
            return
        if event.get("status") == "Downloading" and detail.get("total"):
            self._wanted[layer] = detail["total"]
            self._fetched[layer] = detail.get("current", 0)
        elif event.get("status") in {"Download complete", "Pull complete"} and layer in self._wanted:
            self._fetched[layer] = self._wanted[layer]

    @property
    def done(self) -> int:
        """Bytes that are here."""
        return sum(self._fetched.values())

    @property
    def total(self) -> int:
        """Bytes of the layers that the engine has begun to fetch."""
        return sum(self._wanted.values())


class Disk:
    """The disk that the engine keeps images on, as it was before a pull."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        # A remote engine's disk is not ours to look at.
        self._free = shutil.disk_usage(self._root).free if self._root.is_dir() else None

    def check(self, reference: str, download: int) -> None:
        """Refuse what would not fit once it is unpacked. Raises DiskFull."""
        needed = download * _UNPACKED + _SPARE
        if self._free is not None and self._free < needed:
            raise DiskFull(
                f"{reference} needs about {needed // 2**20} MiB below {self._root}, {self._free // 2**20} MiB are free",
                "docker system df   # then: docker image prune",
            )
