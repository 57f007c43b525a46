"""Files that survive a crash: written whole or not at all, and copies that keep holes as holes."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Collection, Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO

_BLOCK = 1 << 20


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file so that a reader, or a restart after a crash, sees the old or the new content."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_file(path: Path) -> None:
    """Remove a file durably; one that is gone already is fine."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def clone_folder(source: Path, target: Path, *, without: Collection[str] = ()) -> None:
    """Copy a folder of regular files, leaving out some names at its top."""
    target.mkdir()
    for entry in sorted(source.iterdir()):
        if entry.name in without:
            continue
        if entry.is_dir():
            clone_folder(entry, target / entry.name)
        else:
            clone_file(entry, target / entry.name)


def clone_file(source: Path, target: Path) -> None:
    """Copy a file; most of a shard's files are holes, which stay holes."""
    with source.open("rb") as reader, target.open("wb") as writer:
        size = os.fstat(reader.fileno()).st_size
        for start, end in extents(reader, size):
            reader.seek(start)
            writer.seek(start)
            _copy_range(reader, writer, end - start)
        writer.truncate(size)


def clear_folder(path: Path) -> None:
    """Leave an empty folder of that name."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)
    path.mkdir(parents=True)


def extents(file: BinaryIO | FileIO, size: int) -> Iterator[tuple[int, int]]:
    """Give where in a file something lies, begin and end; what is between is a hole."""
    position = 0
    while position < size:
        try:
            start = os.lseek(file.fileno(), position, os.SEEK_DATA)
        except OSError as err:
            if err.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        end = min(size, os.lseek(file.fileno(), start, os.SEEK_HOLE))
        yield start, end
        position = end


def _copy_range(reader: BinaryIO, writer: BinaryIO, length: int) -> None:
    while length > 0:
        block = reader.read(min(_BLOCK, length))
        if not block:
            return
        writer.write(block)
        length -= len(block)


def disk_use(folder: Path) -> int:
    """Add up the bytes that a folder really takes, without the holes."""
    return sum(512 * path.stat().st_blocks for path in folder.rglob("*"))
