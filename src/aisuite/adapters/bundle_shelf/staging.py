"""A bundle in the making."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from aisuite.adapters.bundle_shelf.folder import open_plain, opened
from aisuite.adapters.bundle_shelf.packing import Packed, Reader, pack
from aisuite.adapters.durable import create_private, sync_folder, translated
from aisuite.bundle.manifest import check_path, parse_manifest, render_manifest
from aisuite.bundle.model import BundleFile
from aisuite.errors import BackupFailed
from aisuite.ports.failpoint import failpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.bundle.model import Kind, Manifest


class BundleStaging:
    """Fills a folder of its own, and gives it away when it is whole."""

    def __init__(self, folder: Path, goal: Path) -> None:
        """`folder`: an empty one beside `goal`, under which the bundle will be published."""
        self._bundle = folder / "bundle"
        self._scratch = folder / "scratch"
        self._goal = goal
        self._files: list[BundleFile] = []
        for one in (self._bundle, self._scratch):
            one.mkdir(mode=0o700)

    @property
    def scratch(self) -> Path:
        """An empty folder on the same file system."""
        return self._scratch

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
        """Take a file in. Raises DiskFull, StateUnwritable, and BackupFailed for what is not a plain file."""
        with _read(source) as reading:
            size = os.fstat(reading.fileno()).st_size
            packed = self._pack(reading, path, compress=compress, size=size)
        return self._note(packed, path, kind, service, restores_to)

    def receive(
        self, source: Reader, path: str, kind: Kind, *, service: str | None = None, compress: bool = True
    ) -> BundleFile:
        """Take in what comes from elsewhere, as it comes. Raises as `add`, and as `source`."""
        return self._note(self._pack(source, path, compress=compress, size=None), path, kind, service, None)

    def _pack(self, source: Reader, path: str, *, compress: bool, size: int | None) -> Packed:
        target = self._bundle / check_path(path)
        with translated(target):
            make_private(target.parent)
            with create_private(target) as writing:
                packed = pack(source, writing, compress=compress, size=size)
                write_out(writing)
        return packed

    def _note(self, packed: Packed, path: str, kind: Kind, service: str | None, restores_to: str | None) -> BundleFile:
        file = BundleFile(
            path=path,
            kind=kind,
            size=packed.size,
            sha256=packed.sha256,
            service=service,
            restores_to=restores_to,
            unpacked_size=packed.unpacked_size,
            unpacked_sha256=packed.unpacked_sha256,
        )
        self._files.append(file)
        return file

    def publish(self, manifest: Manifest) -> None:
        """Seal the bundle and rename it to its id. Raises DiskFull, StateUnwritable, BackupFailed."""
        text = self._sealed(manifest)
        with translated(self._goal):
            for folder, _, _ in os.walk(self._bundle):
                sync_folder(Path(folder))
            failpoint("shelf.seal")
            with create_private(self._bundle / "manifest.json") as file:
                file.write(text.encode())
                write_out(file)
            sync_folder(self._bundle)
            failpoint("shelf.rename")
            try:
                self._bundle.rename(self._goal)
            except OSError as err:
                if err.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
                raise BackupFailed(f"{self._goal} is there already", "aisuite backup list") from err
            sync_folder(self._goal.parent)

    def _sealed(self, manifest: Manifest) -> str:
        if manifest.id != self._goal.name or sorted(map(str, manifest.files)) != sorted(map(str, self._files)):
            raise BackupFailed(f"the manifest of backup {self._goal.name} does not list what was put into it")
        text = render_manifest(manifest)
        parse_manifest(text, manifest.id)  # what could not be read again is not written
        return text


def make_private(folder: Path) -> None:
    """Make a folder, and what is missing above it, for this user only. Raises OSError."""
    for place in reversed([folder, *folder.parents]):
        if not place.is_dir():
            place.mkdir(mode=0o700, exist_ok=True)


def write_out(file: BinaryIO) -> None:
    """Make what was written last over a power cut. Raises OSError."""
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def _read(source: Path) -> Iterator[BinaryIO]:
    try:
        with opened(source.parent.resolve()) as folder:
            file = open_plain(folder, source.name)
    except OSError as err:
        raise BackupFailed(f"cannot back up {source}: {err.strerror or 'it is not a plain file'}") from err
    with file:
        yield file
