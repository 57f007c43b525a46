"""Rows and points, compared: the rows are the truth, and after a restore the points may be older or newer."""

from __future__ import annotations

from collections import Counter

from pydantic import BaseModel

from aisuite.services.rag.library import Library
from aisuite.services.rag.records import INDEXED, MISSING, Records
from aisuite.services.rag.store import ForeignCollection, VectorStore, all_of, any_of
from aisuite.services.rag.write_gate import WriteGate

_VERSIONS_AT_ONCE = 100


class Reconciled(BaseModel):
    """What was found: documents whose points are to be made again, and points that no row had, now deleted."""

    requeued: int = 0
    deleted: int = 0


class Reconciler:
    """Bring the points back to what the rows say."""

    def __init__(self, store: VectorStore, records: Records, library: Library, gate: WriteGate) -> None:
        self._store = store
        self._records = records
        self._library = library
        self._gate = gate

    async def reconcile(self) -> Reconciled:
        """Compare all collections. Raises the errors of `Upstream`; asking again goes on."""
        result = Reconciled()
        aliases = await self._store.aliases()
        for name in sorted({*aliases, *await self._records.collections()}):
            async with self._library.writing(name):
                await self._reconcile(name, result, ours=name in aliases)
        return result

    async def _reconcile(self, name: str, result: Reconciled, *, ours: bool) -> None:
        rows = await self._records.all_versions(name)
        try:
            found = await self._store.find(name)
        except ForeignCollection:
            return
        stored = await self._stored_versions(name) if found else Counter()
        missing = [
            document
            for document, (checksum, chunks, state) in rows.items()
            if state == INDEXED and stored[document, checksum] != chunks
        ]
        await self._records.mark(name, missing, MISSING)
        result.requeued += len(missing)
        # A collection of before rows were kept has points only: they are all that is left of its documents.
        if ours:
            wanted = {(document, checksum) for document, (checksum, _, _) in rows.items()}
            result.deleted += await self._delete(name, {one: n for one, n in stored.items() if one not in wanted})

    async def _stored_versions(self, name: str) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        async for payload in self._store.each_payload(name, {}, ["document_id", "checksum"]):
            found[str(payload.get("document_id")), str(payload.get("checksum"))] += 1
        return found

    async def _delete(self, name: str, strays: dict[tuple[str, str], int]) -> int:
        versions = sorted(strays)
        for start in range(0, len(versions), _VERSIONS_AT_ONCE):
            batch = versions[start : start + _VERSIONS_AT_ONCE]
            async with self._gate.writing():
                await self._store.delete(
                    name, any_of([all_of(document_id=document, checksum=checksum) for document, checksum in batch])
                )
        return sum(strays.values())
