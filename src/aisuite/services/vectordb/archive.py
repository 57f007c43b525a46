"""The file format of snapshots, written and read in one pass.

A line of JSON says which files there are, how long each is and which parts of it are no holes; these parts follow,
one behind the other, and at the end stands the SHA-256 of everything before it.

Archives come from outside: what the first line says is checked before anything is written, and only files that it
names are made, below a new folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, pairwise
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from aisuite.services.vectordb.durable import extents
from aisuite.services.vectordb.errors import BadRequest
from aisuite.services.vectordb.schema import CollectionSchema
from aisuite.services.vectordb.wire import Body

MAX_APPARENT_BYTES = 256 << 30
MAX_PATH_PARTS = 12
MAX_MANIFEST = 8 << 20  # bytes of the first line
_BLOCK = 1 << 20

Count = Annotated[int, Field(ge=0)]


class ArchiveRefused(BadRequest):
    """The archive is damaged, or not one of ours."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"the snapshot is refused: {cause}")


class FileEntry(Body):
    """A file: its size, and where in it something lies; the rest is zeros."""

    size: Count
    data: tuple[tuple[Count, Count], ...]  # begin and end, ascending

    @model_validator(mode="after")
    def _is_in_order(self) -> FileEntry:
        places = [0, *chain.from_iterable(self.data), self.size]
        if any(before > after for before, after in pairwise(places)):
            raise ValueError("parts of a file overlap, or end behind it")
        return self


class Manifest(Body):
    """What the archive holds."""

    format: Literal[2] = 2
    points: Count
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


def pack(folder: Path, config: CollectionSchema, points: int, target: Path, *, without: str | None = None) -> str:
    """Write the archive of a folder that nobody changes meanwhile, less one name at its top; give its SHA-256."""
    found = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    files = {path.as_posix(): _describe(folder / path) for path in found if path.parts[0] != without}
    manifest = Manifest(points=points, config=config, files=files)
    with target.open("wb") as file, _Hashing() as digest:
        for block in _content(folder, manifest):
            digest.update(block)
            file.write(block)
        file.write(digest.seal())
        file.flush()
        os.fsync(file.fileno())
        return digest.whole()


def unpack(archive: Path, target: Path, check_room: Callable[[], None], checksum: str | None = None) -> Manifest:
    """Write the files of an archive into a new folder.

    Raises `ArchiveRefused`, also when the archive has another SHA-256 than `checksum`; the folder is left to the
    caller.
    """
    with _refusing(), archive.open("rb") as file, _Hashing() as digest:
        line = file.readline(MAX_MANIFEST)
        manifest = _parse(line)
        digest.update(line)
        target.mkdir()
        for path, entry in manifest.files.items():
            with _new_file(target / path) as writer:
                for begin, end in entry.data:
                    writer.seek(begin)
                    for block in _read(file, end - begin):
                        check_room()
                        digest.update(block)
                        writer.write(block)
                writer.truncate(entry.size)
                writer.flush()
                os.fsync(writer.fileno())
        if file.read(MAX_MANIFEST) != digest.seal():
            raise ArchiveRefused("its content is not what was packed")
        if checksum is not None and digest.whole() != checksum.lower():
            raise ArchiveRefused("it has another checksum than was asked for")
    return manifest


class _Hashing:
    """A SHA-256 that is computed beside the reading and writing, at most one block behind."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._beside = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def __enter__(self) -> _Hashing:
        return self

    def __exit__(self, *_: object) -> None:
        self._beside.shutdown()

    def update(self, block: bytes) -> None:
        self._wait()
        self._last = self._beside.submit(self._digest.update, block)

    def seal(self) -> bytes:
        """Give what ends an archive."""
        self._wait()
        return self._digest.hexdigest().encode()

    def whole(self) -> str:
        """Give the digest of the archive, its end included."""
        whole = self._digest.copy()
        whole.update(self.seal())
        return whole.hexdigest()

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()


def _content(folder: Path, manifest: Manifest) -> Iterator[bytes]:
    yield manifest.model_dump_json(exclude_none=True).encode() + b"\n"
    for path, entry in manifest.files.items():
        with (folder / path).open("rb", buffering=0) as file:
            for begin, end in entry.data:
                file.seek(begin)
                yield from _read(file, end - begin)


def _describe(path: Path) -> FileEntry:
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        return FileEntry(size=size, data=tuple(extents(file, size)))


def _read(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0:
        block = file.read(min(_BLOCK, length))
        if not block:
            raise ArchiveRefused("it ends too early")
        length -= len(block)
        yield block


def _parse(line: bytes) -> Manifest:
    if not line.endswith(b"\n"):
        raise ArchiveRefused("it does not begin with a manifest")
    try:
        return Manifest.model_validate_json(line)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        raise ArchiveRefused(f"its manifest is wrong: {first['msg']}") from err


def _new_file(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as err:
        raise ArchiveRefused("two of its files have one place") from err


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    plain = path.isprintable() and path == "/".join(parts) and not path.startswith("/")
    return plain and 0 < len(parts) <= MAX_PATH_PARTS and not {".", ".."} & set(parts)
