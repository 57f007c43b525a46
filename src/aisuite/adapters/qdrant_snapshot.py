"""A snapshot that lies in a vector store, and its bytes as they come.

By the standard library: with httpx it takes half as long again.
"""

from __future__ import annotations

import hashlib
import http.client
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aisuite.adapters.durable import create_private, translated
from aisuite.errors import BackupFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PATIENCE = 900.0  # seconds for the next bytes
_BLOCK = 1 << 20
_SHOWN = 200  # bytes of what a store says


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """Fetches one snapshot, as often as it is asked."""

    url: str  # of the store
    key: str
    place: str  # path below the URL
    size: int  # bytes
    sha256: str | None  # as the store says; some say nothing
    moment: str | None = None  # what the store calls the state that it holds; Qdrant calls it nothing

    @contextmanager
    def open(self) -> Iterator[SnapshotStream]:
        """Begin to fetch it. Raises BackupFailed, as reading does."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_PATIENCE)
        where = f"the vector store at {self.url}"
        try:
            with _told(where, self.place):
                connection.request("GET", self.place, headers={"api-key": self.key})
                response = connection.getresponse()
                if response.status != http.client.OK:
                    said = response.read(_SHOWN).decode(errors="replace")
                    raise BackupFailed(f"{where} refused {self.place}: {response.status} {said}")
            yield SnapshotStream(response, where, self.place)
        finally:
            connection.close()

    def save(self, target: Path) -> None:
        """Fetch it into a new 0600 file, and check its checksum. Raises BackupFailed, DiskFull, StateUnwritable."""
        digest = hashlib.sha256()
        with self.open() as source, translated(target), create_private(target) as file:
            for block in iter(partial(source.read, _BLOCK), b""):
                digest.update(block)
                file.write(block)
        self.compare(digest.hexdigest())

    def compare(self, sha256: str | None) -> None:
        """Raise BackupFailed when what was fetched has another SHA-256 than the store says."""
        if self.sha256 not in (None, sha256):
            raise BackupFailed(f"{self.place.rpartition('/')[2]} was damaged on its way", "aisuite backup")


class SnapshotStream:
    """The bytes of a snapshot; what ends too early is an error."""

    def __init__(self, response: http.client.HTTPResponse, where: str, place: str) -> None:
        self._response = response
        self._where = where
        self._place = place

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end. Raises BackupFailed."""
        with _told(self._where, self._place):
            block = self._response.read(size)
            if not block and self._response.length:
                raise http.client.IncompleteRead(b"", self._response.length)
            return block


@contextmanager
def _told(where: str, place: str) -> Iterator[None]:
    try:
        yield
    except (OSError, http.client.HTTPException) as err:
        raise BackupFailed(f"{where} broke off at {place}: {err}") from err
