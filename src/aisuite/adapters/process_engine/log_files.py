"""A service's log: the file that supervisord writes, with its rotated predecessors `.1`, `.2` ..."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_BLOCK = 65536
_POLL = 0.2


@dataclass(frozen=True, slots=True)
class LogMark:
    """A place in a log that holds across rotation: a file, by its inode, and a byte in it."""

    inode: int
    offset: int


def find_end(path: Path) -> LogMark | None:
    """Return where the log ends now; None when there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return LogMark(status.st_ino, status.st_size)


def read_tail(path: Path, count: int, since: LogMark | None = None) -> tuple[str, ...]:
    """Return the last `count` lines, oldest first, back through rotated files, but not beyond `since`."""
    lines: list[bytes] = []
    current, number = path, 0
    while len(lines) < count and current.is_file():
        with current.open("rb") as file:
            reached = since is not None and os.fstat(file.fileno()).st_ino == since.inode
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
            *lines, rest = (rest + file.read()).split(b"\n")
            yield from map(_decode, lines)
            now = find_end(path)
            if now is not None and now.inode != os.fstat(file.fileno()).st_ino:
                file.close()
                file = path.open("rb")
            elif now is not None and now.offset < file.tell():
                file.seek(0)
            else:
                time.sleep(poll)
    finally:
        file.close()


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
