"""What backups are made of, and where they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from aisuite.bundle.known_queries import Hit
    from aisuite.bundle.model import BundleFile, CollectionFacts, Kind, Manifest, Verified
    from aisuite.bundle.stored import Stored


class Stream(Protocol):
    """Bytes that come one after the other."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


class Staging(Protocol):
    """A bundle in the making: nobody sees it before it is published; left alone, it is swept at the next start."""

    @property
    def scratch(self) -> Path:
        """An empty folder on the same file system, for what is on its way into the bundle."""

    def add(
        self,
        source: Path,
        path: str,
        kind: Kind,
        *,
        service: str | None = None,
        restores_to: str | None = None,
        compress: bool = True,
    ) -> BundleFile:
        """Take a file in (compressed with zstd) in one pass: read, hashed, written, fsynced. Raises DiskFull."""

    def receive(
        self, source: Stream, path: str, kind: Kind, *, service: str | None = None, compress: bool = True
    ) -> BundleFile:
        """Take in what comes from elsewhere, as it comes. Raises as `add`, and as `source`."""

    def publish(self, manifest: Manifest) -> None:
        """Write the manifest, fsync everything, and rename the bundle to its id. Raises DiskFull, BackupFailed."""


class Shelf(Protocol):
    """The folder in which a project's bundles lie. Folders 0700, files 0600."""

    @property
    def path(self) -> Path:
        """The absolute path."""

    def stage(self, bundle: str) -> AbstractContextManager[Staging]:
        """Begin a bundle; what was not published is removed at the end.

        Raises DiskFull, StateUnwritable, and BackupFailed when there is such a bundle.
        """

    def list(self) -> tuple[str, ...]:
        """Return the ids of what was published, oldest first. Also sweeps what crashed runs have left."""

    def manifest(self, bundle: str) -> Manifest:
        """Return a bundle's manifest. Raises BundleDamaged, and UsageError when there is no such bundle."""

    def check(self, bundle: str) -> Manifest:
        """Compare every file, packed and unpacked, with the manifest; nothing may be missing, changed, added or linked.

        Raises BundleDamaged naming the first file that is not as it must be.
        """

    def extract(self, bundle: str, file: BundleFile, target: Path) -> None:
        """Write a file as it was before it was taken in, into a new 0600 file, never through a link, fsynced.

        Sizes and digests are checked on the way. Raises BundleDamaged, DiskFull, StateUnwritable.
        """

    def scratch(self) -> AbstractContextManager[Path]:
        """Give an empty folder on the shelf's file system; it is removed at the end, or swept after a crash.

        Raises DiskFull, StateUnwritable.
        """

    def adopt(self, folder: Path) -> None:
        """Take in a whole bundle that was laid into `scratch` under its id, durably and by one rename.

        Raises BackupFailed when there is such a bundle, DiskFull, StateUnwritable.
        """

    def verified(self, bundle: str) -> Verified | None:
        """Return the best verification that a bundle passed."""

    def set_verified(self, bundle: str, verified: Verified | None) -> None:
        """Remember a verification, unless a better one is known; None forgets it: the bundle did not pass."""

    def remove(self, bundle: str) -> None:
        """Remove a bundle: one rename takes it off the shelf, so that a crash leaves nothing that looks whole."""


class DatabaseCopy(Protocol):
    """What a copied or examined SQLite database says of itself."""

    @property
    def schema_version(self) -> int:
        """PRAGMA user_version."""

    @property
    def rows(self) -> Mapping[str, int]:
        """By table."""

    @property
    def content_digest(self) -> str:
        """Of every row of every table."""


class FrozenDatabase(Protocol):
    """A SQLite database as it was at one moment, whoever writes to it since."""

    def copy(self, target: Path) -> None:
        """Copy what it was into a new 0600 file (backup API). Raises BackupFailed, BundleDamaged, DiskFull."""


class Databases(Protocol):
    """SQLite files, through SQLite alone."""

    def freeze(self, source: Path) -> AbstractContextManager[FrozenDatabase]:
        """Give a database, that others may be writing to, as it is now. Raises BackupFailed, BundleDamaged."""

    def examine(self, path: Path) -> DatabaseCopy:
        """Check a database nobody else uses (integrity, foreign keys, full-text indexes) and describe it.

        Raises BundleDamaged naming what is wrong.
        """

    def schema_version(self, path: Path) -> int:
        """Return its PRAGMA user_version; others may be using it. Raises BundleDamaged."""

    def place(self, source: Path, target: Path, kept: Path) -> None:
        """Put a checked database in a place whose writers are stopped, and keep the old one, durably.

        Idempotent: interrupted anywhere and called again, the end is the same. The old one's -wal is folded into it.
        """


class Snapshot(Protocol):
    """A collection as it was at one moment, lying in its store."""

    @property
    def size(self) -> int:
        """Bytes; 0 where the store does not say."""

    @property
    def moment(self) -> str | None:
        """What the store calls the state that it holds, as `VectorStore.moment`."""

    def open(self) -> AbstractContextManager[Stream]:
        """Begin to fetch it. Raises BackupFailed, as reading does."""

    def save(self, target: Path) -> None:
        """Fetch it into a new 0600 file, and check its checksum. Raises BackupFailed, DiskFull, StateUnwritable."""

    def compare(self, sha256: str | None) -> None:
        """Raise BackupFailed when what was fetched has another SHA-256 than the store says."""


class VectorStore(Protocol):
    """A vector store through Qdrant's REST API."""

    def version(self) -> str:
        """Return its kind and version, as "qdrant 1.15.4"; a snapshot fits the same minor version only."""

    def collections(self, *, sampled: bool = True) -> tuple[CollectionFacts, ...]:
        """Describe all collections with their aliases, and samples unless not; `file` and `service` are empty."""

    def describe(self, collection: str) -> CollectionFacts | None:
        """Describe one collection with samples and without aliases; None when it is not there."""

    def moment(self, collection: str) -> str | None:
        """Return what the store calls the present state of a collection: another name after each write.

        None where the store has no names for that.
        """

    def digests(self, collection: str, points: Sequence[str]) -> Mapping[str, str]:
        """Return the digests of these points as `collections` samples them; those that are not there are left out."""

    def search(self, collection: str, points: Sequence[str], *, exact: bool) -> Mapping[str, tuple[Hit, ...]]:
        """Return what the vector of each of these points finds, the best first; `exact` looks at every point.

        Points that are not there, or have no dense vector, are left out. Raises NotRunning, RestoreFailed.
        """

    def snapshot(self, collection: str) -> AbstractContextManager[Snapshot]:
        """Make a snapshot, and remove it from the store at the end of the block. Raises NotRunning, BackupFailed."""

    def snapshots(self, collection: str) -> tuple[str, ...]:
        """Return the names of the snapshots that lie in the store, oldest first. Raises BackupFailed."""

    def remove_snapshot(self, collection: str, snapshot: str) -> None:
        """Remove a snapshot from the store. Raises BackupFailed."""

    def upload(self, snapshot: Path, collection: str) -> None:
        """Make a new collection from a snapshot. Raises RestoreFailed."""

    def remove(self, collection: str) -> None:
        """Delete a collection; fine when it is not there."""

    def collections_by_alias(self) -> Mapping[str, str]:
        """Return the collection behind each alias."""

    def switch(self, aliases: Mapping[str, str | None]) -> None:
        """Point aliases to collections (None: remove the alias), all in one request."""


class KeptFiles(Protocol):
    """The files that services keep, as they lie on this machine."""

    def size(self, path: Path) -> int:
        """Return the bytes of a file, with a database's WAL, or of all files of a folder; 0 when nothing is there."""

    def names(self, folder: Path) -> tuple[str, ...]:
        """Return what lies below a folder and is no folder, as paths with "/", sorted. Raises BackupFailed."""


class Sealer(Protocol):
    """Encrypts for who holds a key that this machine need not have."""

    def seal(self, source: Path, target: Path) -> None:
        """Encrypt a file into a new 0600 file. Raises BackupFailed."""


class Repository(Protocol):
    """Where whole bundles are kept, too."""

    @property
    def host(self) -> str:
        """How this machine is called there."""

    def store(self, shelf: Path, bundle: str, project: str) -> str:
        """Take a bundle in, and return what it is called there. Raises BackupFailed naming what can be done."""

    def bundles(self) -> Sequence[Stored]:
        """Return what is there, of all projects, oldest first; a bundle may be there twice. Raises RestoreFailed."""

    def fetch(self, stored: Stored, folder: Path) -> None:
        """Bring a bundle back into a folder, under its id; nothing in it is checked yet. Raises RestoreFailed."""

    def mark(self, stored: Stored, *, damaged: bool) -> None:
        """Note whether a bundle is damaged; what it is called there may be another then. Raises BackupFailed."""

    def forget(self, stored: Sequence[Stored], *, prune: bool) -> None:
        """Remove bundles; `prune` gives back at once the space that nothing needs any more. Raises BackupFailed."""


class Places(Protocol):
    """Where services keep what they keep. Everything is durable and may be called again after it was cut off anywhere.

    A database's -wal, -shm and -journal go with it. Raises StateUnwritable, DiskFull.
    """

    def there(self, path: Path) -> bool:
        """Whether something lies there."""

    def make_folder(self, path: Path) -> None:
        """Make a folder and what is missing above it, for this user only."""

    def sync(self, folder: Path) -> None:
        """Make a new folder's content last over a power cut."""

    def exchange(self, source: Path, target: Path, kept: Path) -> None:
        """Put a folder in the place of another, which is kept; nobody may be using them."""

    def put_away(self, path: Path, kept: Path) -> None:
        """Give something another name; fine when it is not there."""

    def remove(self, path: Path) -> None:
        """Remove a file or folder; fine when it is not there."""
