"""The one way in which a file is replaced: whole or not at all, whatever happens in the middle, a power cut included.

Write, fsync, rename, fsync of the folder: without the last, a power cut may take the new name back.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from aisuite.errors import DiskFull, StateUnwritable

if TYPE_CHECKING:
    from collections.abc import Iterator

UNFINISHED = ".writing-"  # how the names begin under which files are written

PRIVATE = 0o600
SHARED = 0o666  # less what the umask takes


@contextmanager
def replacing(path: Path, mode: int = PRIVATE) -> Iterator[Path]:
    """Give an empty file to write into, which becomes `path` when the block ends well, and is gone when it does not.

    Also removes what a crash has left in that folder. Raises OSError.
    """
    sweep(path.parent)
    with _replacing(path, mode) as fresh:
        yield fresh
    sync_folder(path.parent)


def write_durably(path: Path, content: bytes, mode: int = PRIVATE) -> None:
    """Replace a file's content; also removes what a crash has left in that folder. Raises OSError."""
    with replacing(path, mode) as fresh:
        fresh.write_bytes(content)


def replace_file(path: Path, content: bytes, mode: int = PRIVATE) -> None:
    """Replace a file's content; who writes several files calls `sync_folder` once, behind the last. Raises OSError."""
    with _replacing(path, mode) as fresh:
        fresh.write_bytes(content)


def replace_link(path: Path, target: str) -> None:
    """Let a name be a link to `target`, whatever it was before: a file, another link, nothing. Raises OSError."""
    fresh = path.with_name(f"{UNFINISHED}{os.getpid()}-{os.urandom(4).hex()}")
    try:
        fresh.symlink_to(target)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what the file system says of a path into our errors: DiskFull, StateUnwritable."""
    try:
        yield
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no space left to write {path}", f"df -h {path.parent}") from err
        raise StateUnwritable(f"cannot use {path}: {err.strerror}", f"ls -ld {path.parent}") from err


def create_private(path: Path) -> BinaryIO:
    """Create a file that only this user may read, never through a link. Raises OSError when it is there."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, PRIVATE), "wb")


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make a folder with these rights, less what the umask takes, and all that is missing above it for its owner alone.

    `Path.mkdir` gives the rights to the last one only, and leaves the others open. Raises OSError.
    """
    missing = [place for place in folder.parents if not place.is_dir()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=mode, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder last over a power cut. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove what crashes have left in a folder; what somebody writes now stays. Never fails."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(UNFINISHED):
                _remove_abandoned(entry.path)


@contextmanager
def _replacing(path: Path, mode: int) -> Iterator[Path]:
    fresh, handle = _begin(path.parent, mode)
    try:
        yield fresh
        os.fsync(handle)  # of the file, whoever has written it
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
        os.close(handle)


def _begin(folder: Path, mode: int) -> tuple[Path, int]:
    """Make an empty file and hold it: its lock tells those who sweep that its writer lives."""
    while True:
        fresh = folder / f"{UNFINISHED}{os.getpid()}-{os.urandom(4).hex()}"
        handle = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return fresh, handle
        os.close(handle)  # swept before it was held


def _remove_abandoned(path: str) -> None:
    with suppress(OSError):
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            Path(path).unlink()
        finally:
            os.close(handle)
