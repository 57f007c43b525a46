"""What goes into a bundle, in the order that makes it consistent: what is derived first, what is true last."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from aisuite.bundle.kept_state import FILE
from aisuite.bundle.model import DatabaseFacts, Kind
from aisuite.errors import BackupFailed, BundleDamaged
from aisuite.ops.backup_hold import Hold
from aisuite.ops.backup_snapshots import snapshots_noted
from aisuite.ops.backup_stores import CHECKED
from aisuite.ops.generations import current_number, read_generation
from aisuite.ports.failpoint import failpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    from aisuite.bundle.kept_state import ProjectState
    from aisuite.bundle.model import BundleFile, CollectionFacts
    from aisuite.ops.backup import BackupDoors
    from aisuite.ops.backup_stores import OpenStore
    from aisuite.ports.archive import DatabaseCopy, FrozenDatabase, Snapshot, Staging

_RENDERED = (FILE, ".env", "stack.json", "engine")  # of a project that no generation describes
_AS_IT_IS = frozenset({Kind.SECRET, Kind.MODEL})  # neither gets smaller
_FLOAT = 4  # bytes of one number of a vector
_NEARLY_ALL = 0.8
_LONGEST_NAME = 120  # signs of a collection's name in a file's


@dataclass(frozen=True, slots=True)
class _Taken:
    """A collection whose snapshot lies in its store."""

    store: OpenStore
    facts: CollectionFacts  # without samples
    before: CollectionFacts | None  # as it was before the snapshot; None: the snapshot knows its moment
    snapshot: Snapshot

    @property
    def nearly_all_vectors(self) -> bool:
        """Whether compressing saves less than a tenth, as it does with vectors, and takes most of the time."""
        return _FLOAT * self.facts.points * self.facts.dim > _NEARLY_ALL * self.snapshot.size

    def describe(self) -> CollectionFacts | None:
        """Describe what the snapshot holds, by the collection; None when somebody wrote to that since."""
        door, name = self.store.door, self.facts.name
        now = door.describe(name)
        if now is None:
            return None
        if self.before is None:
            return now if door.moment(name) == self.snapshot.moment else None
        return now if (now.points, now.samples) == (self.before.points, self.before.samples) else None


class Content:
    """Fills a bundle and remembers what went into it."""

    def __init__(self, staging: Staging, state: ProjectState, doors: BackupDoors) -> None:
        self._staging = staging
        self._state = state
        self._doors = doors
        self.files: list[BundleFile] = []
        self.databases: list[DatabaseFacts] = []
        self.collections: list[CollectionFacts] = []
        self.left_out: tuple[str, ...] = ()
        self.held: float | None = None

    def take_all(self, stores: Sequence[OpenStore], *, quiesce: bool, with_models: bool) -> dict[str, str]:
        """Take everything; return the versions of the stores. Raises BackupFailed, BundleDamaged, DiskFull."""
        failpoint("backup.collections")
        with ExitStack() as kept:
            kept.enter_context(snapshots_noted(stores, self._doors.deps.workdir))
            snapshots = [
                kept.enter_context(self._snapshot(one, store)) for store in stores for one in store.collections
            ]
            with ThreadPoolExecutor(2) as beside:  # hashing, compressing and SQLite leave other threads alone
                packing = beside.submit(self._take_collections, snapshots)
                copies = self._copy_databases(quiesce=quiesce)
                failpoint("backup.databases")
                for place, service, copy in copies:
                    self._take_database(place, service, copy, beside)
                packing.result()
        failpoint("backup.folders")
        self._take_folders()
        failpoint("backup.config")
        self._take_config()
        failpoint("backup.secrets")
        self._take_secrets()
        if with_models:
            self._take_models()
        self.files.sort(key=lambda file: file.path)
        return {store.service: store.version for store in stores}

    @contextmanager
    def _snapshot(self, facts: CollectionFacts, store: OpenStore) -> Iterator[_Taken]:
        knows = store.door.moment(facts.name) is not None
        before = None if knows else store.door.describe(facts.name)
        with store.door.snapshot(facts.name) as snapshot:
            failpoint("backup.collection")
            yield _Taken(store, facts, before, snapshot)

    def _take_collections(self, snapshots: Sequence[_Taken]) -> None:
        for one in snapshots:
            service, name = one.store.service, one.facts.name
            path = f"collections/{service}/{_file_name(name)}.snapshot"
            found = one.describe()
            file, found = (self._receive(one, path), found) if found else self._take_changed(one, path)
            self.collections.append(
                replace(found, name=name, aliases=one.facts.aliases, file=file.path, service=service)
            )

    def _receive(self, taken: _Taken, path: str) -> BundleFile:
        """Put a snapshot into the bundle as it comes, without a copy of it on the disk."""
        service, compress = taken.store.service, not taken.nearly_all_vectors
        with taken.snapshot.open() as source, _named(taken.facts.name):
            file = self._staging.receive(source, path, Kind.COLLECTION, service=service, compress=compress)
        taken.snapshot.compare(file.unpacked_sha256 or file.sha256)
        self.files.append(file)
        return file

    def _take_changed(self, taken: _Taken, path: str) -> tuple[BundleFile, CollectionFacts]:
        """Take a snapshot that was made while somebody wrote: nobody but the snapshot knows what it holds."""
        copy = self._staging.scratch / f"{len(self.collections)}.snapshot"
        taken.snapshot.save(copy)
        facts = self._look_into(copy, taken.facts, taken.store)
        file = self._add(copy, path, Kind.COLLECTION, taken.store.service)
        copy.unlink()
        return file, facts

    def _look_into(self, snapshot: Path, facts: CollectionFacts, store: OpenStore) -> CollectionFacts:
        """Describe what a snapshot holds that was made while somebody wrote: as a collection, for a moment."""
        name = CHECKED + hashlib.sha256(facts.name.encode()).hexdigest()[:16]
        try:
            store.door.upload(snapshot, name)
            found = store.door.describe(name)
        finally:
            store.door.remove(name)
        if found is None:
            raise BackupFailed(f"the vector store did not take its own snapshot of {facts.name}", "aisuite logs")
        return found

    def _copy_databases(self, *, quiesce: bool) -> list[tuple[Path, str, Path]]:
        """Copy all of them as they were at one moment; return place, owner and copy."""
        copies: list[tuple[Path, str, Path]] = []
        with ExitStack() as frozen:
            for place, service, database in self._freeze_databases(frozen, quiesce=quiesce):
                copy = self._staging.scratch / f"{len(copies)}.db"
                database.copy(copy)
                copies.append((place, service, copy))
        return copies

    def _freeze_databases(self, frozen: ExitStack, *, quiesce: bool) -> list[tuple[Path, str, FrozenDatabase]]:
        """Writers wait only until each database has begun to be read, however long it takes to copy them."""
        freeze, size = self._doors.databases.freeze, self._doors.files.size
        with ExitStack() as held:
            hold = held.enter_context(Hold(self._state, self._doors)) if quiesce else None
            failpoint("backup.hold")
            found = [
                (place, kept.service, frozen.enter_context(freeze(place)))
                for kept in self._state.services
                for place in map(Path, kept.databases)
                if size(place)
            ]
        self.held = hold.seconds if hold else None
        return found

    def _take_database(self, place: Path, service: str, copy: Path, beside: Executor) -> None:
        """Examine a copy and pack it at the same time."""
        examined = beside.submit(self._examine, place, copy)
        path = self._unused(f"databases/{service}/{place.name}", ".zst")
        file = self._add(copy, path, Kind.DATABASE, service, place)
        found = examined.result()
        copy.unlink()
        self.databases.append(DatabaseFacts(file.path, found.schema_version, found.rows, found.content_digest))
        failpoint("backup.database")

    def _examine(self, place: Path, copy: Path) -> DatabaseCopy:
        try:
            return self._doors.databases.examine(copy)
        except BundleDamaged as err:
            message = f"{place} is damaged: {err.message}"
            raise BackupFailed(message, "aisuite restore ID   # of a backup from before") from err

    def _take_folders(self) -> None:
        for kept in self._state.services:
            for folder in map(Path, kept.folders):
                inside = self._unused(f"folders/{kept.service}/{folder.name}", "")
                for name in self._doors.files.names(folder):
                    self._add(folder / name, f"{inside}/{name}.zst", Kind.FOLDER, kept.service, folder / name)

    def _take_config(self) -> None:
        """Take the rendered generation; the profile that it came from may be changed or gone already."""
        workdir = self._doors.deps.workdir
        number = current_number(workdir)
        rendered = read_generation(workdir, number).files if number is not None else ()
        for name in sorted({*_RENDERED, *rendered}):
            self._take_if_there(workdir.folder / name, f"config/{name}.zst")
        if number is not None:
            self._take_if_there(workdir.folder / "current" / "resolved.json", "config/resolved.json.zst")

    def _take_if_there(self, place: Path, path: str) -> None:
        if self._doors.files.size(place):
            self._add(place, path, Kind.CONFIG, None, place)

    def _take_secrets(self) -> None:
        if self._doors.sealer is None:
            self.left_out = self._state.secrets
            return
        for name in self._state.secrets:
            place, sealed = self._doors.deps.workdir.folder / "secrets" / name, self._staging.scratch / f"{name}.age"
            self._doors.sealer.seal(place, sealed)
            self._add(sealed, f"secrets/{name}.age", Kind.SECRET, None, place)

    def _take_models(self) -> None:
        for model in self._state.models:
            place = Path(model.path)
            if not self._doors.files.size(place):
                raise BackupFailed(f"model file {place} is not there", "aisuite models pull")
            self._add(place, self._unused(f"models/{place.name}", ""), Kind.MODEL, None, place)

    def _add(self, source: Path, path: str, kind: Kind, service: str | None, goal: Path | None = None) -> BundleFile:
        with _named(goal or source):
            file = self._staging.add(
                source,
                path,
                kind,
                service=service,
                restores_to=None if goal is None else str(goal),
                compress=kind not in _AS_IT_IS,
            )
        self.files.append(file)
        return file

    def _unused(self, path: str, suffix: str) -> str:
        """Return a path that no file of the bundle has, nor a folder: two services may call theirs alike."""
        there = {one.path for one in self.files} | {
            str(up) for one in self.files for up in PurePosixPath(one.path).parents
        }
        number, found = 1, f"{path}{suffix}"
        while found in there:
            number += 1
            found = f"{path}-{number}{suffix}"
        return found


def _file_name(collection: str) -> str:
    plain = len(collection.encode()) <= _LONGEST_NAME and "/" not in collection
    return collection if plain else "collection-" + hashlib.sha256(collection.encode()).hexdigest()[:16]


@contextmanager
def _named(what: Path | str) -> Iterator[None]:
    """Say of what the name cannot be that of a bundle's file."""
    try:
        yield
    except ValueError as err:
        raise BackupFailed(f"{what} cannot be put into a backup: {err}") from err
