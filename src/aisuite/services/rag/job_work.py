"""The doing of a job, batch by batch; each batch is stored together with how far the job has come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from time import perf_counter

from anyio import to_thread

from aisuite.services.rag.documents import Document, DocumentFolder, Skipped
from aisuite.services.rag.indexer import Batch, Indexer
from aisuite.services.rag.job_rows import Job, JobRows
from aisuite.services.rag.library import Library

_BYTES_AT_ONCE = 2**20  # of text; a larger document is a batch of its own
_FEWEST, _FIRST, _MOST = 4, 32, 256  # documents
_SECONDS = 2.0


class BatchSize:
    """How many documents make a batch: many, as each batch costs a flush to disk, but progress is told every moment."""

    def __init__(self) -> None:
        self.documents = _FIRST

    def learn(self, seconds: float) -> None:
        """Note how long a batch took."""
        self.documents = min(2 * self.documents, _MOST) if seconds < _SECONDS else max(self.documents // 2, _FEWEST)


@dataclass(frozen=True)
class JobWork:
    """What doing a job takes."""

    rows: JobRows
    indexer: Indexer
    library: Library
    folder: DocumentFolder
    size: BatchSize = field(default_factory=BatchSize)

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
                begun = perf_counter()
                await self.indexer.index(job.collection, batch, counts)
                self.size.learn(perf_counter() - begun)
                tell()
        if job.path is not None and job.prune:
            counts.removed = await self.library.remove_unseen(job.collection, job.path, job.id)
            await self.indexer.index(job.collection, Batch(job.id, []), counts)

    async def _batches(self, job: Job) -> AsyncGenerator[Batch]:
        while (waiting := await self.rows.waiting(job.id, self.size.documents, _BYTES_AT_ONCE)).documents:
            yield Batch(job.id, waiting.documents, waiting.last)
        if job.path is None:
            return
        documents = self.folder.read(job.path)
        try:
            while taken := await to_thread.run_sync(_take, documents, self.size.documents):
                yield Batch(job.id, taken, from_folder=True)
        finally:
            documents.close()


def _take(documents: Iterator[Document | Skipped], count: int) -> list[Document | Skipped]:
    taken: list[Document | Skipped] = []
    used = 0
    for item in documents:
        taken.append(item)
        used += len(item.text) if isinstance(item, Document) else 0
        if len(taken) == count or used >= _BYTES_AT_ONCE:
            break
    return taken
