"""The file format of snapshots: a gzipped tar whose first member lists every other one with its checksum.

Archives come from outside: nothing in one is trusted before it is checked, and it is never extracted as a whole.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Literal

from pydantic import Field, ValidationError, field_validator

from aisuite.services.vectordb.durable import write_sparsely
from aisuite.services.vectordb.errors import BadRequest
from aisuite.services.vectordb.schema import CollectionSchema
from aisuite.services.vectordb.wire import Body

MANIFEST = "manifest.json"
MAX_APPARENT_BYTES = 256 << 30
MAX_PATH_PARTS = 12
# A tar header may announce any size, and the library reads some of them whole.
MAX_READ = 8 << 20
_BLOCK = 1 << 20


class ArchiveRefused(BadRequest):
    """The archive is damaged, or not one of ours."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"the snapshot is refused: {cause}")


class FileEntry(Body):
    """What a file must be."""

    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(Body):
    """What the archive holds."""

    format: Literal[1] = 1
    points: Annotated[int, Field(ge=0)]
    config: CollectionSchema
    files: dict[str, FileEntry]

    @field_validator("files")
    @classmethod
    def _stays_inside(cls, files: dict[str, FileEntry]) -> dict[str, FileEntry]:
        for path in files:
            if not _is_inside(path):
                raise ValueError(f"{path!r} is not a path inside the archive")
        if sum(entry.size for entry in files.values()) > MAX_APPARENT_BYTES:
            raise ValueError("too large")
        return files


def pack(folder: Path, config: CollectionSchema, points: int, target: Path) -> str:
    """Write the archive of a folder and give its SHA-256."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    entries = {
        path.relative_to(folder).as_posix(): FileEntry(size=path.stat().st_size, sha256=file_sha256(path))
        for path in paths
    }
    manifest = Manifest(points=points, config=config, files=entries).model_dump_json(exclude_none=True).encode()
    with (
        target.open("wb") as raw,
        # Nothing is compressed: vectors hardly can be, and it took most of the time. gzip's own sum stays.
        gzip.GzipFile("", "wb", compresslevel=0, fileobj=raw, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        tar.addfile(_member(MANIFEST, len(manifest)), io.BytesIO(manifest))
        for name, entry in entries.items():
            with (folder / name).open("rb") as file:
                tar.addfile(_member(name, entry.size), file)
    with target.open("rb") as written:
        os.fsync(written.fileno())
    return file_sha256(target)


def unpack(archive: Path, target: Path, check_room: Callable[[], None]) -> Manifest:
    """Write the files of an archive into a new folder; raises `ArchiveRefused`, and leaves the folder to the caller."""
    with _refusing(), _BoundedGzip(archive) as stream, tarfile.TarFile(fileobj=stream, mode="r") as tar:
        members = iter(tar)
        manifest = _read_manifest(tar, next(members, None))
        expected = dict(manifest.files)
        target.mkdir()
        for member in members:
            entry = expected.pop(member.name, None)
            if entry is None or member.type != tarfile.REGTYPE or member.size != entry.size:
                raise ArchiveRefused(f"{member.name!r} is not what the manifest says")
            content = tar.extractfile(member)
            if content is None:
                raise ArchiveRefused(f"{member.name!r} has no content")
            _write_checked(content, target / member.name, entry, check_room)
        if expected:
            raise ArchiveRefused(f"{len(expected)} files are missing, {min(expected)!r} among them")
        _read_to_the_end(stream)
    return manifest


def file_sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _BoundedGzip(gzip.GzipFile):
    """A gzip stream that refuses to read much at once."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= MAX_READ:
            raise ArchiveRefused("a header announces too much")
        return super().read(size)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, RecursionError) as err:
        raise ArchiveRefused(f"it is damaged ({err})") from err
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as err:
        raise ArchiveRefused("two of its files have one place") from err
    except ValueError as err:
        raise ArchiveRefused(f"it is damaged ({str(err).splitlines()[0]})") from err


def _read_to_the_end(stream: gzip.GzipFile) -> None:
    """Let gzip check its own sum, which stands at the end."""
    left = MAX_READ
    while block := stream.read(_BLOCK):
        left -= len(block)
        if left < 0:
            raise ArchiveRefused("it goes on behind its end")


def _read_manifest(tar: tarfile.TarFile, member: tarfile.TarInfo | None) -> Manifest:
    if member is None or member.name != MANIFEST or member.type != tarfile.REGTYPE or member.size > MAX_READ:
        raise ArchiveRefused("it does not begin with a manifest")
    content = tar.extractfile(member)
    try:
        return Manifest.model_validate_json(content.read(member.size) if content else b"")
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        raise ArchiveRefused(f"its manifest is wrong: {first['msg']}") from err


def _write_checked(content: IO[bytes], path: Path, entry: FileEntry, check_room: Callable[[], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("xb") as writer:
        while block := content.read(_BLOCK):
            check_room()
            digest.update(block)
            write_sparsely(writer, block)
        writer.truncate(entry.size)
        writer.flush()
        os.fsync(writer.fileno())
    if digest.hexdigest() != entry.sha256:
        raise ArchiveRefused(f"{path.name!r} has another checksum than the manifest says")


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    plain = path.isprintable() and path == "/".join(parts) and not path.startswith("/")
    return plain and 0 < len(parts) <= MAX_PATH_PARTS and not {".", ".."} & set(parts)
