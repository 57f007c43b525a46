"""A journal in memory."""

from __future__ import annotations

from collections.abc import Mapping

from aisuite.errors import DiskFull


class FakeJournal:
    """`entries` is what it was told; a full one takes nothing."""

    def __init__(self, *, full: bool = False) -> None:
        self.entries: list[dict[str, str]] = []
        self._full = full

    def append(self, entry: Mapping[str, str]) -> None:
        if self._full:
            raise DiskFull("no space left", "df -h")
        self.entries.append(dict(entry))
