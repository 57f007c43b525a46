"""A service's log: the file that supervisord writes, with its rotated predecessors `.1`, `.2` ..."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_BLOCK = 65536
_POLL = 0.2


def read_tail(path: Path, count: int) -> tuple[str, ...]:
    """Return the last `count` lines, oldest first, going back into rotated files as far as they reach."""
    lines: list[bytes] = []
    number = 0
    current = path
    while len(lines) < count and current.is_file():
        with current.open("rb") as file:
            lines = _last_lines(file, count - len(lines)) + lines
        number += 1
        current = path.with_name(f"{path.name}.{number}")
    return tuple(map(_decode, lines))


def follow(path: Path, count: int, poll: float = _POLL) -> Iterator[str]:
    """Yield the last `count` lines and then each complete new one, for ever; the file need not exist yet."""
    yield from read_tail(path, count)
    while not path.is_file():
        time.sleep(poll)
    file = path.open("rb")
    file.seek(0, 2)
    rest = b""
    try:
        while True:
            rest += file.read()
            *lines, rest = rest.split(b"\n")
            yield from map(_decode, lines)
            if _rotated(path, file):
                file.close()
                file = path.open("rb")
            elif path.stat().st_size < file.tell():
                file.seek(0)
            else:
                time.sleep(poll)
    finally:
        file.close()


def _rotated(path: Path, file: BinaryIO) -> bool:
    try:
        return path.stat().st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False  # between the two steps of a rotation, or removed: wait for the next one


def _last_lines(file: BinaryIO, count: int) -> list[bytes]:
    """Read backwards in blocks until there are enough lines."""
    position = file.seek(0, 2)
    tail = b""
    while position > 0 and tail.count(b"\n") <= count:
        step = min(_BLOCK, position)
        position -= step
        file.seek(position)
        tail = file.read(step) + tail
    return tail.splitlines()[-count:] if count else []


def _decode(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
