"""Texts of many requests share batches: a model takes thirty texts in little more time than one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from prometheus_client import Gauge, Histogram

from aisuite.services.common import Metrics, ServiceError
from aisuite.services.embedding.backend import Embedded

_LONGEST_WAIT = 60  # seconds, that a caller is told to stay away
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Overloaded(ServiceError):
    """As many texts wait as may wait."""

    def __init__(self, waiting: int, limit: int, seconds: int) -> None:
        message = f"{waiting} texts wait, and EMBEDDING_QUEUE={limit}; try again in {seconds} s"
        super().__init__(429, message, code="overloaded", headers={"Retry-After": str(seconds)})


class _Job:
    """One request's texts, and what there is of their vectors."""

    def __init__(self, texts: Sequence[str], done: asyncio.Future[Embedded]) -> None:
        self.texts = texts
        self.done = done
        self.taken = 0
        self.vectors: list[list[float]] = []
        self.tokens: list[int] = []
        self.truncated: list[int] = []

    @property
    def left(self) -> int:
        return len(self.texts) - self.taken

    def take(self, most: int) -> Sequence[str]:
        texts = self.texts[self.taken : self.taken + most]
        self.taken += len(texts)
        return texts

    def receive(self, embedded: Embedded, start: int, count: int) -> None:
        """Take the own part out of a batch, which begins there at `start`."""
        own = len(self.vectors) - start
        self.truncated += [own + index for index in embedded.truncated if start <= index < start + count]
        self.vectors += embedded.vectors[start : start + count]
        self.tokens += embedded.tokens[start : start + count]
        if len(self.vectors) == len(self.texts) and not self.done.done():
            self.done.set_result(Embedded(self.vectors, self.tokens, tuple(self.truncated)))


class Batcher:
    """Gather texts into batches of one model, in the order of arrival; a big request lets others in between."""

    def __init__(self, embed: Callable[[Sequence[str]], Embedded], batch: int, limit: int, metrics: Metrics) -> None:
        self._embed = embed
        self._batch = batch
        self._limit = limit
        self._jobs: deque[_Job] = deque()
        self._working: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed")
        self._seconds_for_text = 0.0
        self._sizes = Histogram("embedding_batch_texts", "Texts in a batch.", buckets=_SIZES, registry=metrics.registry)
        waiting = Gauge("embedding_queue_texts", "Texts that wait for the model.", registry=metrics.registry)
        waiting.set_function(lambda: self.waiting)

    @property
    def waiting(self) -> int:
        """How many texts are not yet in a batch."""
        return sum(job.left for job in tuple(self._jobs) if not job.done.cancelled())

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Give one vector per text. Cancelling takes the texts out of the queue. Raises `Overloaded`."""
        waiting = self.waiting
        if waiting + len(texts) > self._limit:
            raise Overloaded(waiting, self._limit, self._seconds_until_room(waiting))
        job = _Job(texts, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await job.done

    def close(self) -> None:
        """Take no more; a batch that runs comes to its end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while parts := self._gather():
            texts = [text for _, part in parts for text in part]
            self._sizes.observe(len(texts))
            begun = perf_counter()
            batch = loop.run_in_executor(self._thread, self._embed, texts)
            await asyncio.wait((batch,))
            self._deliver(parts, batch)
            spent = (perf_counter() - begun) / len(texts)
            self._seconds_for_text = spent if not self._seconds_for_text else (self._seconds_for_text + spent) / 2

    def _gather(self) -> list[tuple[_Job, Sequence[str]]]:
        """Take the next batch from the queue; empty when nobody waits."""
        parts: list[tuple[_Job, Sequence[str]]] = []
        room = self._batch
        unfinished = []
        while self._jobs and room:
            job = self._jobs.popleft()
            if job.done.done():  # its caller has gone, or a batch of it failed
                continue
            part = job.take(room)
            room -= len(part)
            parts.append((job, part))
            if job.left:
                unfinished.append(job)
        self._jobs.extend(unfinished)  # behind those who have waited meanwhile
        return parts

    @staticmethod
    def _deliver(parts: Sequence[tuple[_Job, Sequence[str]]], batch: asyncio.Future[Embedded]) -> None:
        error = batch.exception()
        start = 0
        for job, part in parts:
            if error is None:
                job.receive(batch.result(), start, len(part))
            elif not job.done.done():
                job.done.set_exception(error)
            start += len(part)

    def _seconds_until_room(self, waiting: int) -> int:
        return max(1, min(_LONGEST_WAIT, round(waiting * self._seconds_for_text)))
