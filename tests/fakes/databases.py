"""Databases that are whatever their bytes say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aisuite.errors import BackupFailed, BundleDamaged


@dataclass(frozen=True)
class FakeCopy:
    """What a fake database says of itself."""

    schema_version: int
    rows: dict[str, int]
    content_digest: str


@dataclass(frozen=True)
class FakeFrozen:
    """What a fake database was."""

    content: bytes

    def copy(self, target: Path) -> None:
        target.write_bytes(self.content)


@dataclass
class FakeDatabases:
    """One table whose rows are the lines; `broken` holds contents that pass no check."""

    schema: int = 3
    broken: set[bytes] = field(default_factory=set)
    examined: list[str] = field(default_factory=list)

    @contextmanager
    def freeze(self, source: Path) -> Iterator[FakeFrozen]:
        if not source.is_file():
            raise BackupFailed(f"{source} is no database")
        yield FakeFrozen(source.read_bytes())

    def examine(self, path: Path) -> FakeCopy:
        content = path.read_bytes()
        self.examined.append(path.name)
        if content in self.broken:
            raise BundleDamaged("integrity_check: row 7 missing from index")
        return FakeCopy(self.schema, {"lines": content.count(b"\n")}, hashlib.sha256(content).hexdigest())

    def schema_version(self, path: Path) -> int:
        return self.schema

    def place(self, source: Path, target: Path, kept: Path) -> None:
        if target.exists() and source.exists():
            target.rename(kept)
        if source.exists():
            source.rename(target)
