"""A gate that all writing passes, and that a backup may close for a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aisuite.services.common import ServiceError

# How long others wait for the writing that has begun, each of which is one batch. Under load one may take longer:
# then they are let in, and it is tried again.
_DRAIN_SECONDS = 1.5
_PAUSE_SECONDS = 0.25
_TRIES = 4


class WriteGate:
    """Let writers in while it is open; a hold ends by itself, so that a backup that dies stops nobody."""

    def __init__(self) -> None:
        self._writers = 0
        self._held_until = 0.0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Wait until the gate is open, and keep a hold waiting while the body writes."""
        async with self._changed:
            while (left := self.seconds_held) > 0:
                await self._wait(left)
            self._writers += 1
        try:
            yield
        finally:
            self._writers -= 1
            async with self._changed:
                self._changed.notify_all()

    async def hold(self, seconds: float) -> float:
        """Close the gate for some seconds, and return once nobody writes; say for how long writers have waited.

        Raises `ServiceError` 503.
        """
        for one in range(_TRIES):
            if one:
                await asyncio.sleep(_PAUSE_SECONDS)
            began = time.monotonic()
            self._held_until = began + seconds
            async with self._changed:
                while self._writers and (left := began + _DRAIN_SECONDS - time.monotonic()) > 0:
                    await self._wait(left)
            if not self._writers:
                return time.monotonic() - began
            await self.release()
        message = "a batch is still being written; ask again"
        raise ServiceError(503, message, code="writers_busy", headers={"Retry-After": "1"})

    async def release(self) -> None:
        """Open the gate; one that is open stays so."""
        self._held_until = 0.0
        async with self._changed:
            self._changed.notify_all()

    @property
    def seconds_held(self) -> float:
        """How long the hold goes on; 0 when there is none."""
        return max(0.0, self._held_until - time.monotonic())

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
