"""Which file system a folder is on, from what the kernel lists. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_ESCAPE = re.compile(r"\\([0-7]{3})")


def file_system_of(mountinfo: str, path: str) -> str:
    """Return the kind of file system of an absolute path ("ext4", "9p"), from /proc/self/mountinfo; "" unknown."""
    best, kind = -1, ""
    wanted = PurePosixPath(path)
    for line in mountinfo.splitlines():
        head, _, tail = line.partition(" - ")
        words, rest = head.split(" "), tail.split(" ")
        if len(words) < 5 or not rest[0]:
            continue
        point = PurePosixPath(_ESCAPE.sub(_unescaped, words[4]))
        # Later lines lie over earlier ones of the same place.
        if wanted.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), rest[0]
    return kind


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 8))
