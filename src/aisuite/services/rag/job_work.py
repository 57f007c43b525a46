"""The doing of a job, batch by batch; each batch is stored together with how far the job has come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from anyio import to_thread

from aisuite.services.rag.documents import Document, DocumentFolder, Skipped
from aisuite.services.rag.indexer import Batch, Indexer
from aisuite.services.rag.job_rows import Job, JobRows
from aisuite.services.rag.library import Library

_DOCUMENTS_AT_ONCE = 32
_BYTES_AT_ONCE = 2**20  # of text; a larger document is a batch of its own


@dataclass(frozen=True)
class JobWork:
    """What doing a job takes."""

    rows: JobRows
    indexer: Indexer
    library: Library
    folder: DocumentFolder

    async def do(self, job: Job, tell: Callable[[], None]) -> None:
        """Do what is left of a job, until it is done or cancelled; `tell` is called after each batch."""
        counts = job.counts.model_copy()
        if job.path is not None and counts.total is None:
            waiting = await self.rows.count_waiting(job.id)
            counts.total = waiting + await to_thread.run_sync(self.folder.count, job.path)
        async with aclosing(self._batches(job)) as batches:
            async for batch in batches:
                if not await self.rows.is_open(job.id):
                    return
                await self.indexer.index(job.collection, batch, counts)
                tell()
        if job.path is not None and job.prune:
            counts.removed = await self.library.remove_unseen(job.collection, job.path, job.id)
            await self.indexer.index(job.collection, Batch(job.id, []), counts)

    async def _batches(self, job: Job) -> AsyncGenerator[Batch]:
        while (waiting := await self.rows.waiting(job.id, _DOCUMENTS_AT_ONCE, _BYTES_AT_ONCE)).documents:
            yield Batch(job.id, waiting.documents, waiting.last)
        if job.path is None:
            return
        documents = self.folder.read(job.path)
        try:
            while taken := await to_thread.run_sync(_take, documents):
                yield Batch(job.id, taken, from_folder=True)
        finally:
            documents.close()


def _take(documents: Iterator[Document | Skipped]) -> list[Document | Skipped]:
    taken: list[Document | Skipped] = []
    used = 0
    for item in documents:
        taken.append(item)
        used += len(item.text) if isinstance(item, Document) else 0
        if len(taken) == _DOCUMENTS_AT_ONCE or used >= _BYTES_AT_ONCE:
            break
    return taken
