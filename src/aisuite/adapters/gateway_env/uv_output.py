"""What uv says while it works, read."""

from __future__ import annotations

import os
import re
import selectors
from types import MappingProxyType
from typing import IO, TYPE_CHECKING

from aisuite.errors import DiskFull, DownloadFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from aisuite.ports import Progress

_TICK = 0.5  # seconds between two looks at work that says nothing itself


class Watch:
    """Turns what uv says and writes into progress: MiB while it downloads, files while it compiles.

    Reports at every look, news or not: a caller who wants to stop raises from there.
    """

    _DOWNLOADING = re.compile(r"\s*Downloading (\S+) \(([\d.]+)(B|KiB|MiB|GiB)\)")
    _DOWNLOADED = re.compile(r"\s*Downloaded (\S+)")
    _MIB = MappingProxyType({"B": 2**-20, "KiB": 2**-10, "MiB": 1.0, "GiB": 2.0**10})

    def __init__(self, progress: Progress, folder: Path) -> None:
        self._progress = progress
        self._folder = folder
        self._wanted: dict[str, float] = {}
        self._fetched: set[str] = set()
        self._sources = 0

    def see(self, line: str | None) -> None:
        """Take a line of uv, or None when it was silent for a while."""
        if line is not None:
            if match := self._DOWNLOADING.match(line):
                self._wanted[match[1]] = float(match[2]) * self._MIB[match[3]]
            elif match := self._DOWNLOADED.match(line):
                self._fetched.add(match[1])
            elif line.startswith("Installed "):
                self._sources = self._count("*.py")
            else:
                return
        self._report()

    def _report(self) -> None:
        if self._sources:
            self._progress("compiling the gateway's modules", self._count("*.pyc"), self._sources)
        elif self._wanted:
            done = sum(self._wanted.get(name, 0.0) for name in self._fetched)
            total = sum(self._wanted.values())
            self._progress("downloading the gateway's packages, MiB", round(done), round(total))
        else:
            self._progress("looking up the gateway's packages", 0, 0)

    def _count(self, pattern: str) -> int:
        return sum(1 for _ in self._folder.rglob(pattern))


def read_lines(stream: IO[bytes]) -> Iterator[str | None]:
    """Yield each line as it comes, and None whenever there was none for `_TICK` seconds."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if not selector.select(_TICK):
                yield None
                continue
            chunk = os.read(stream.fileno(), 65536)
            if not chunk:
                break
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def failure(said: Sequence[str], *, offline: bool = False) -> DiskFull | DownloadFailed:
    errors = [line.strip() for line in said if line.startswith(("error:", "  cause:"))] or list(said[-1:])
    words = [errors[0].removeprefix("error:").strip()] if errors else ["uv said nothing"]
    words += [cause.removeprefix("cause:").strip() for cause in errors[1:][-1:]]
    reason = ": ".join(words)
    if "No space left on device" in reason:
        return DiskFull(f"the disk is full: {reason}", "df -h")
    again = (
        "run the same command again; with a package mirror: UV_DEFAULT_INDEX=https://mirror.example/simple aisuite up"
    )
    return DownloadFailed(
        f"the gateway's packages could not be installed: {reason}",
        "once with a network: aisuite up" if offline else again,
    )
