"""What is on disk beside a shard: the file that makes a folder a collection."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self
from uuid import uuid4

from pydantic import Field, ValidationError

from aisuite.services.vectordb.durable import write_atomically
from aisuite.services.vectordb.schema import CollectionSchema
from aisuite.services.vectordb.wire import Body

FILE = "collection.json"
SHARD_PREFIX = "shard-"


@dataclass(frozen=True)
class HeldShard:
    """A shard's folder that is whole on the disk, and what is in it."""

    folder: Path
    points: int
    config: CollectionSchema
    moment: str


class RecordUnreadable(Exception):
    """The file is not one of ours, or from a newer version."""


class Record(Body):
    """A collection's name, schema and the shard folder in use; writing it commits whatever changed."""

    format: Literal[1] = 1
    name: str
    shard: Annotated[str, Field(pattern=r"^shard-[0-9a-f]{32}$")]
    created_at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    config: CollectionSchema

    def write(self, folder: Path) -> None:
        """Commit."""
        write_atomically(folder / FILE, self.model_dump_json(exclude_none=True, indent=1).encode())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the record of a folder; raises `RecordUnreadable`."""
        try:
            return cls.model_validate_json((folder / FILE).read_bytes())
        except (OSError, ValidationError) as err:
            raise RecordUnreadable(f"{FILE}: {str(err).splitlines()[0]}") from err


def new_shard_name() -> str:
    """Name a shard folder that was never there before."""
    return f"{SHARD_PREFIX}{uuid4().hex}"


def sweep_shards(folder: Path, keep: str) -> None:
    """Remove the shard folders that a crash left behind."""
    for leftover in folder.glob(f"{SHARD_PREFIX}*"):
        if leftover.name != keep:
            shutil.rmtree(leftover)
