"""Work that a crash or a restore left behind, done in the background until nothing is left."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from aisuite.services.common import ServiceError
from aisuite.services.rag.indexer import Indexer
from aisuite.services.rag.library import Library
from aisuite.services.rag.records import DELETING, MISSING, Records

_DOCUMENTS_AT_ONCE = 16
_RETRY_SECONDS = 5.0
_LOOK_SECONDS = 30.0

logger = logging.getLogger(__name__)


class Mender:
    """Make missing points again from the rows, and finish deletions."""

    def __init__(self, records: Records, library: Library, indexer: Indexer) -> None:
        self._records = records
        self._library = library
        self._indexer = indexer
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that there is work."""
        self._woken.set()

    async def run(self) -> None:
        """Mend whenever there is work; it begins with what an earlier process left."""
        while True:
            self._woken.clear()
            try:
                for name in await self._records.collections():
                    await self._finish_deletions(name)
                    await self._restore(name)
            except ServiceError as err:
                logger.warning("mending waits: %s", err.message)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                with suppress(TimeoutError):
                    # Not wait_for: in Python 3.11 it loses a cancellation that comes just after the event.
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._woken.wait()

    async def _finish_deletions(self, name: str) -> None:
        while gone := await self._records.names(name, DELETING, _DOCUMENTS_AT_ONCE):
            await self._library.finish_deletion(name, gone)

    async def _restore(self, name: str) -> None:
        while missing := await self._records.names(name, MISSING, _DOCUMENTS_AT_ONCE):
            await self._indexer.restore(name, await self._records.texts(name, missing))
