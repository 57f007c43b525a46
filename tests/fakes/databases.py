"""Databases that are whatever their bytes say."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from aisuite.errors import BackupFailed, BundleDamaged


@dataclass(frozen=True)
class FakeCopy:
    """What a fake database says of itself."""

    schema_version: int
    rows: dict[str, int]
    content_digest: str


@dataclass
class FakeDatabases:
    """One table whose rows are the lines; `broken` holds contents that pass no check."""

    schema: int = 3
    broken: set[bytes] = field(default_factory=set)
    examined: list[str] = field(default_factory=list)

    def copy(self, source: Path, target: Path) -> None:
        if not source.is_file():
            raise BackupFailed(f"{source} is no database")
        shutil.copyfile(source, target)

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
