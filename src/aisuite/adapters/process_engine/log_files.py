"""A service's log: the file that supervisord writes, with its rotated predecessors `.1`, `.2` ..."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_BLOCK = 65536
_BEGINNING = 4096
_POLL = 0.2


@dataclass(frozen=True, slots=True)
class LogMark:
    """A byte of a log, found again across rotation: its file is known by inode and beginning, for inodes return."""

    inode: int
    offset: int
    beginning: str  # digest of the first bytes, at most `offset` of them


def find_end(path: Path) -> LogMark | None:
    """Return where the log ends now; None when there is none."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            return LogMark(status.st_ino, status.st_size, _digest(file, status.st_size))
    except FileNotFoundError:
        return None


def read_tail(path: Path, count: int, since: LogMark | None = None) -> tuple[str, ...]:
    """Return the last `count` lines, oldest first, back through rotated files, but not beyond `since`."""
    lines: list[bytes] = []
    current, number = path, 0
    while len(lines) < count and current.is_file():
        with current.open("rb") as file:
            reached = since is not None and _is_marked(file, since)
            first = since.offset if since is not None and reached else 0
            lines = _last_lines(file, count - len(lines), first) + lines
        if reached:
            break
        number += 1
        current = path.with_name(f"{path.name}.{number}")
    return tuple(map(_decode, lines))


def follow(path: Path, count: int, since: LogMark | None = None, poll: float = _POLL) -> Iterator[str]:
    """Yield the last `count` lines and then each new one, for ever; the file need not exist yet."""
    while not path.is_file():
        time.sleep(poll)
    file = path.open("rb")
    try:
        file.seek(0, os.SEEK_END)
        yield from read_tail(path, count, since)
        rest = b""
        while True:
            # In this order: once the file is seen to be rotated, all that it will ever hold is read.
            rotated = _is_rotated(path, file)
            *lines, rest = (rest + file.read()).split(b"\n")
            yield from map(_decode, lines)
            if rotated:
                file.close()
                file = path.open("rb")
            elif os.fstat(file.fileno()).st_size < file.tell():
                file.seek(0)  # it was truncated
            else:
                time.sleep(poll)
    finally:
        file.close()


def _is_rotated(path: Path, file: BinaryIO) -> bool:
    try:
        return path.stat().st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False  # in the middle of a rotation, or removed


def _digest(file: BinaryIO, offset: int) -> str:
    file.seek(0)
    return hashlib.sha256(file.read(min(offset, _BEGINNING))).hexdigest()


def _is_marked(file: BinaryIO, mark: LogMark) -> bool:
    status = os.fstat(file.fileno())
    same_file = status.st_ino == mark.inode and status.st_size >= mark.offset
    return same_file and _digest(file, mark.offset) == mark.beginning


def _last_lines(file: BinaryIO, count: int, first: int) -> list[bytes]:
    """Read backwards in blocks, down to byte `first`, until there are enough lines."""
    position = file.seek(0, os.SEEK_END)
    tail = b""
    while position > first and tail.count(b"\n") <= count:
        step = min(_BLOCK, position - first)
        position -= step
        file.seek(position)
        tail = file.read(step) + tail
    return tail.removesuffix(b"\n").split(b"\n")[-count:] if tail and count else []


def _decode(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
