"""The mender as a task: it works, waits, and ends when it is told to."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from aisuite.services.rag.indexer import Indexer
from aisuite.services.rag.library import Library
from aisuite.services.rag.mending import Mender
from aisuite.services.rag.records import Records


class NothingToMend:
    def __init__(self) -> None:
        self.looks = 0

    async def collections(self) -> list[str]:
        self.looks += 1
        return []


@pytest.mark.parametrize("steps", range(6))
def test_it_ends_when_told_to_however_short_before_it_was_woken(steps: int) -> None:
    records = NothingToMend()
    mender = Mender(cast("Records", records), cast("Library", None), cast("Indexer", None))

    async def play() -> None:
        running = asyncio.create_task(mender.run())
        while not records.looks:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)  # it waits, now
        mender.wake()
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        done, _ = await asyncio.wait([running], timeout=5)
        running.cancel()
        assert done

    asyncio.run(play())
