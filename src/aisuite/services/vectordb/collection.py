"""One collection: a shard of the engine, its locks, and the exchange of one shard folder for another."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import qdrant_edge as edge

from aisuite.services.vectordb.durable import clone_folder, disk_use, remove_file
from aisuite.services.vectordb.errors import (
    BadRequest,
    DiskAlmostFull,
    NotFound,
    engine_errors,
    missing_collection,
)
from aisuite.services.vectordb.gate import Gate
from aisuite.services.vectordb.pending import Pending, unindexed_points
from aisuite.services.vectordb.points import Update
from aisuite.services.vectordb.record import FILE, HeldShard, Record, new_shard_name, sweep_shards
from aisuite.services.vectordb.schema import CollectionSchema, SchemaChange
from aisuite.services.vectordb.scoring import PointKey
from aisuite.services.vectordb.vectors import Vector

# What is flushed needs no log, so copies go without it.
LOG_FOLDER = "wal"
SEARCH_THREADS = min(4, os.cpu_count() or 1)
MIB = 1 << 20

T = TypeVar("T")
Journal = list[edge.UpdateOperation]


@dataclass(frozen=True)
class Limits:
    """When writes stop, and when an optimization starts."""

    min_free_mib: int
    optimize_after: int


class Collection:
    """Reads run beside each other, writes one after the other; an answered write is on disk."""

    def __init__(self, folder: Path, record: Record, shard: edge.EdgeShard, limits: Limits) -> None:
        self.folder = folder
        self.optimizer_error: str | None = None
        self._record = record
        self._shard: edge.EdgeShard | None = shard
        self._limits = limits
        self._writes = threading.Lock()
        self._gate = Gate()
        self._journal: Journal | None = None
        self._opened, self._changes = uuid4().hex, 0
        self._pending = Pending(limits.optimize_after, unindexed_points(shard, record.config))

    @classmethod
    def create(cls, folder: Path, name: str, schema: CollectionSchema, limits: Limits) -> Collection:
        """Make an empty collection in a folder that does not exist; the record, written last, makes it one."""
        require_room(folder.parent, limits)
        record = Record(name=name, shard=new_shard_name(), config=schema)
        try:
            folder.mkdir()
            with engine_errors():
                shard = edge.EdgeShard.create(str(folder / record.shard), schema.engine_config(SEARCH_THREADS))
                shard.flush()
            record.write(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return cls(folder, record, shard, limits)

    @classmethod
    def open(cls, folder: Path, limits: Limits) -> Collection:
        """Load the collection of a folder and sweep what a crash left in it.

        Raises `RecordUnreadable`, or the `ServiceError` of a shard that the engine cannot load.
        """
        record = Record.read(folder)
        sweep_shards(folder, keep=record.shard)
        with engine_errors():
            shard = _load(folder / record.shard, record.config)
        return cls(folder, record, shard, limits)

    @property
    def name(self) -> str:
        """The collection's own name, never an alias."""
        return self._record.name

    @property
    def schema(self) -> CollectionSchema:
        """What the collection is made of."""
        return self._record.config

    @property
    def moment(self) -> str:
        """Name the state of the content: whoever finds the same name again has missed no write."""
        return f"{self._opened}-{self._changes}"

    def read(self, call: Callable[[edge.EdgeShard], T]) -> T:
        """Ask the engine."""
        with self._gate.shared(), engine_errors():
            return call(self._open_shard())

    def count(self, condition: edge.Filter | None = None) -> int:
        """Count the points that match."""
        return self.read(lambda shard: shard.count(edge.CountRequest(exact=True, filter=condition)))

    def points_at_most(self) -> int:
        """Give a bound of the number of points, nearly always the number: an exact count looks at each of them."""
        return self.read(lambda shard: int(shard.info().points_count))

    def vector_of(self, point: PointKey, name: str) -> Vector | None:
        """Give one vector of a point; raises `NotFound` without the point."""
        found = self.read(lambda shard: shard.retrieve([point], False, [name]))
        if not found:
            raise NotFound(f"No point with id {point} found")
        vector: Any = found[0].vector
        return vector.get(name) if isinstance(vector, dict) else vector

    def describe(self) -> dict[str, Any]:
        """Count what there is; `payload_schema` stays in the engine's form."""
        info = self.read(lambda shard: shard.info())
        return {
            "status": "green" if self._journal is None else "yellow",
            "optimizer_status": "ok" if self.optimizer_error is None else {"error": self.optimizer_error},
            "indexed_vectors_count": info.indexed_vectors_count,
            "points_count": info.points_count,
            "segments_count": info.segments_count,
            "config": self.schema.config_json(),
            "payload_schema": info.payload_schema,
            "created_at": self._record.created_at,
            "moment": self.moment,
        }

    def apply(self, updates: Sequence[Update]) -> None:
        """Write, and return when the write is on disk."""
        require_room(self.folder, self._limits)
        with self._writes, engine_errors():
            shard = self._open_shard()
            self._changes += 1
            try:
                for update in updates:
                    _require_points(shard, update.needs)
                    if self._journal is not None:
                        self._journal.append(update.operation)
                    shard.update(update.operation)
                    self._pending.add(update.points, time.monotonic())
            finally:
                shard.flush()

    def change_schema(self, change: SchemaChange) -> None:
        """Lay new settings over the schema; the shard is opened again with them."""
        with self._writes:
            if self._journal is not None:
                raise BadRequest("the collection is being optimized, try again later")
            record = self._record.model_copy(update={"config": change.apply(self.schema)})
            with self._gate.alone(), engine_errors():
                self._open_shard().close()
                try:
                    self._shard = _load(self.folder / record.shard, record.config)
                except BaseException:
                    self._shard = _load(self.folder / record.shard, self.schema)
                    raise
            record.write(self.folder)
            self._record = record

    @contextmanager
    def held_still(self) -> Iterator[HeldShard]:
        """Keep writers waiting while the shard's folder is read."""
        with self._writes:
            shard = self._open_shard()
            shard.flush()
            folder = self.folder / self._record.shard
            require_room(self.folder, self._limits, extra_mib=disk_use(folder) // MIB)
            yield HeldShard(folder, _count(shard), self.schema, self.moment)

    def copy_with_journal(self, target: Path) -> Journal:
        """Copy the shard as it is now, and keep what is written from now on for `adopt_copy`."""
        with self._writes:
            self._copy(target)
            self._pending.clear()
            self._journal = []
            return self._journal

    def adopt_copy(self, name: str, journal: Journal) -> None:
        """Bring a worked-on copy up to date, and make it the collection's shard."""
        with self._writes, engine_errors():
            if self._journal is not journal:
                raise BadRequest("the collection was replaced while it was being optimized")
            fresh = _load(self.folder / name, self.schema)
            try:
                for operation in journal:
                    fresh.update(operation)
                fresh.flush()
                self._require_same_points(fresh)
            except BaseException:
                fresh.close()
                raise
            self._exchange(name, fresh, self.schema)

    def drop_journal(self) -> None:
        """Stop keeping what is written."""
        with self._writes:
            self._journal = None

    def replace(self, name: str, schema: CollectionSchema) -> None:
        """Make another shard folder, with its own schema, the content of this collection."""
        with self._writes, engine_errors():
            self._open_shard()
            fresh = _load(self.folder / name, schema)
            self._journal = None
            self._exchange(name, fresh, schema)

    def is_due(self, now: float) -> bool:
        """Tell whether enough has changed for an optimization to be worth it."""
        return self._journal is None and self._pending.is_due(now, self.points_at_most())

    def uses(self, name: str) -> bool:
        """Tell whether this shard folder is the one in use."""
        return self._record.shard == name

    def close(self) -> None:
        """Close the shard; every later call says that there is no such collection."""
        with self._writes, self._gate.alone():
            if self._shard is not None:
                self._shard.flush()
                self._shard.close()
                self._shard = None

    def destroy(self) -> None:
        """Close and remove the collection; without its record the rest is swept after a crash."""
        self.close()
        remove_file(self.folder / FILE)
        shutil.rmtree(self.folder)

    def _copy(self, target: Path) -> None:
        self._open_shard().flush()
        source = self.folder / self._record.shard
        require_room(self.folder, self._limits, extra_mib=2 * disk_use(source) // MIB)
        clone_folder(source, target, without={LOG_FOLDER})

    def _open_shard(self) -> edge.EdgeShard:
        if self._shard is None:
            raise missing_collection(self.name)
        return self._shard

    def _require_same_points(self, fresh: edge.EdgeShard) -> None:
        here, there = (_count(shard) for shard in (self._open_shard(), fresh))
        if here != there:
            raise BadRequest(f"the optimized copy has {there} points instead of {here}")

    def _exchange(self, name: str, fresh: edge.EdgeShard, schema: CollectionSchema) -> None:
        old_folder = self.folder / self._record.shard
        record = self._record.model_copy(update={"shard": name, "config": schema})
        try:
            record.write(self.folder)
        except BaseException:
            fresh.close()
            raise
        with self._gate.alone():
            old = self._open_shard()
            self._changes += 1
            self._shard, self._record = fresh, record
        old.close()
        shutil.rmtree(old_folder, ignore_errors=True)  # what is left is swept at the next start


def require_room(folder: Path, limits: Limits, extra_mib: int = 0) -> None:
    """Refuse to write on a disk that is almost full."""
    free = shutil.disk_usage(folder).free // MIB
    wanted = limits.min_free_mib + extra_mib
    if free < wanted:
        raise DiskAlmostFull(free, wanted)


def _load(folder: Path, schema: CollectionSchema) -> edge.EdgeShard:
    return edge.EdgeShard.load(str(folder), schema.engine_config(SEARCH_THREADS))


def _count(shard: edge.EdgeShard) -> int:
    return shard.count(edge.CountRequest(exact=True))


def _require_points(shard: edge.EdgeShard, needs: Sequence[PointKey]) -> None:
    if not needs:
        return
    found = {record.id for record in shard.retrieve(list(needs), False, False)}
    if missing := [point for point in needs if point not in found]:
        raise NotFound(f"No point with id {missing[0]} found")
