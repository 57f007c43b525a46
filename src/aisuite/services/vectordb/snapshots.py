"""The snapshots of each collection, kept beside the collections and outliving them.

They are this store's own: the Qdrant server cannot read them, nor are its snapshots read here.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from aisuite.services.vectordb import shard_worker
from aisuite.services.vectordb.archive import ArchiveRefused, pack, unpack
from aisuite.services.vectordb.collection import LOG_FOLDER, Collection
from aisuite.services.vectordb.durable import remove_file, sync_folder, write_atomically
from aisuite.services.vectordb.errors import BadRequest, NotFound, NotSupported
from aisuite.services.vectordb.schema import CollectionSchema

SUFFIX = ".snapshot"
CHECKSUM_SUFFIX = ".sha256"


@dataclass(frozen=True)
class Unpacked:
    """A shard folder that was in a snapshot, checked and ready to be opened."""

    folder: Path
    config: CollectionSchema


@dataclass(frozen=True)
class Snapshots:
    """Make, list, remove and unpack snapshots."""

    root: Path
    scratch: Path
    check_room: Callable[[], None]

    def create(self, collection: Collection) -> dict[str, object]:
        """Archive a collection as it is now; who writes to it waits for as long as that takes."""
        stamp = datetime.now(UTC).strftime("%Y-%m-%d-%H-%M-%S")
        name = f"{collection.name}-{stamp}-{uuid4().hex[:8]}{SUFFIX}"
        folder = self.root / collection.name
        folder.mkdir(parents=True, exist_ok=True)
        with self._scratch_folder() as scratch:
            with collection.held_still() as held:
                checksum = pack(held.folder, held.config, held.points, scratch / name, without=LOG_FOLDER)
            write_atomically(folder / f"{name}{CHECKSUM_SUFFIX}", checksum.encode())
            (scratch / name).rename(folder / name)
        sync_folder(folder)
        return {**self._describe(folder / name), "moment": held.moment}

    def list(self, collection: str) -> list[dict[str, object]]:
        """Describe the snapshots of a collection, oldest first."""
        found = (self.root / collection).glob(f"*{SUFFIX}")
        return [self._describe(path) for path in sorted(found, key=lambda path: path.stat().st_mtime_ns)]

    def path(self, collection: str, name: str) -> Path:
        """Find a snapshot's file."""
        for path in (self.root / collection).glob(f"*{SUFFIX}"):
            if path.name == name:
                return path
        raise NotFound(f"Snapshot {name} not found")

    def delete(self, collection: str, name: str) -> None:
        """Remove a snapshot."""
        path = self.path(collection, name)
        remove_file(path)
        remove_file(path.with_name(f"{name}{CHECKSUM_SUFFIX}"))

    def locate(self, collection: str, location: str) -> Path:
        """Find the file of a `file://` address below the snapshot folder, or of a plain snapshot name."""
        address = urlsplit(location)
        if address.scheme in {"http", "https"}:
            raise NotSupported("recovering from an http address; upload the file instead")
        if address.scheme != "file":
            return self.path(collection, location)
        path = Path(unquote(address.path)).resolve()
        if not path.is_relative_to(self.root.resolve()) or not path.is_file():
            raise BadRequest(f"{location} is not a file below the snapshot folder of this store")
        return path

    @contextmanager
    def unpacked(self, archive: Path, checksum: str | None) -> Iterator[Unpacked]:
        """Check an archive as a whole and in its parts, and open it once; the caller moves the folder away."""
        with self._scratch_folder() as scratch:
            manifest = unpack(archive, scratch / "shard", self.check_room, checksum)
            try:
                points = shard_worker.finish(shard_worker.start("count", scratch / "shard"))
            except shard_worker.WorkerFailed as err:
                raise ArchiveRefused(f"the engine cannot open it ({err})") from err
            if points != manifest.points:
                raise ArchiveRefused(f"it holds {points} points, and says {manifest.points}")
            yield Unpacked(scratch / "shard", manifest.config)

    def known_checksum(self, archive: Path) -> str | None:
        """Give the checksum written down when one of our own snapshots was made."""
        note = archive.with_name(f"{archive.name}{CHECKSUM_SUFFIX}")
        return note.read_text(encoding="ascii") if note.exists() else None

    def _describe(self, path: Path) -> dict[str, object]:
        status = path.stat()
        made = datetime.fromtimestamp(status.st_mtime, UTC)
        return {
            "name": path.name,
            "creation_time": made.strftime("%Y-%m-%dT%H:%M:%S"),
            "size": status.st_size,
            "checksum": self.known_checksum(path),
        }

    @contextmanager
    def _scratch_folder(self) -> Iterator[Path]:
        folder = self.scratch / uuid4().hex
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
