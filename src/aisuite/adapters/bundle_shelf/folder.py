"""A folder that others may have filled: everything below it is reached through its handle, and never through a link."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe must not make us wait


class NotPlain(OSError):
    """Something else lies where a plain file or a folder should be."""


@contextmanager
def opened(path: str | Path, within: int | None = None) -> Iterator[int]:
    """Give the handle of a folder, relative to another folder's. Raises OSError, for a link too."""
    handle = os.open(path, _FOLDER, dir_fd=within)
    try:
        yield handle
    finally:
        os.close(handle)


def open_plain(root: int, path: str) -> BinaryIO:
    """Open a plain file below a folder for reading. Raises OSError, and NotPlain for what is none."""
    folder, _, name = path.rpartition("/")
    with _below(root, folder) as place:
        if not stat.S_ISREG(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode):
            raise NotPlain  # opening a device may already do something
        handle = os.open(name, _PLAIN, dir_fd=place)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotPlain
    return os.fdopen(handle, "rb", buffering=0)


def look_through(root: int) -> Iterator[tuple[str, os.stat_result]]:
    """Yield everything below a folder by path; a folder's content only if the caller goes on after the folder."""
    waiting = [""]
    while waiting:
        place = waiting.pop()
        with _below(root, place) as handle:
            names = sorted(os.listdir(handle))  # noqa: PTH208 - Path knows no handles
            found = [(name, os.stat(name, dir_fd=handle, follow_symlinks=False)) for name in names]
        for name, told in found:
            path = f"{place}/{name}" if place else name
            yield path, told
            if stat.S_ISDIR(told.st_mode):
                waiting.append(path)


@contextmanager
def _below(root: int, path: str) -> Iterator[int]:
    place = os.dup(root)
    try:
        for folder in path.split("/") if path else ():
            inner = os.open(folder, _FOLDER, dir_fd=place)
            os.close(place)
            place = inner
        yield place
    finally:
        os.close(place)
