"""Index jobs: taken in at once, done in the background, and taken up again after a crash.

The jobs of one collection are done in their order; two collections are served at the same time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import uuid4

from aisuite.services.common import ServiceError
from aisuite.services.common.errors import internal_error
from aisuite.services.rag.documents import Document, Skipped
from aisuite.services.rag.job_rows import OPEN, Counts, Failure, Job, JobRows
from aisuite.services.rag.job_work import JobWork
from aisuite.services.rag.upstream import TooSlow, Unavailable

_COLLECTIONS_AT_ONCE = 2
_JOBS_AT_MOST = 200  # unfinished ones
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0

logger = logging.getLogger(__name__)


class TooManyJobs(ServiceError):
    """So much waits already that more would only wait, too."""

    def __init__(self) -> None:
        message = f"{_JOBS_AT_MOST} jobs wait already; see GET /jobs"
        super().__init__(429, message, code="too_many_jobs", headers={"Retry-After": "10"})


@dataclass
class _Runner:
    """What does the jobs of a collection, and what tells it of a new one."""

    task: asyncio.Task[None]
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class Jobs:
    """Take jobs in, do them, and tell how far they are."""

    def __init__(self, rows: JobRows, work: JobWork) -> None:
        self._rows = rows
        self._work = work
        self._runners: dict[str, _Runner] = {}
        self._slots = asyncio.Semaphore(_COLLECTIONS_AT_ONCE)
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Take up what an earlier process left."""
        for collection in await self._rows.open_collections():
            self._wake(collection)

    async def stop(self) -> None:
        """Stop working; what is unfinished waits for the next start."""
        tasks = [runner.task for runner in self._runners.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def submit(self, collection: str, documents: Sequence[Document | Skipped], path: str | None = None) -> Job:
        """Take a job in. Raises `TooManyJobs`."""
        if sum((await self._rows.open_collections()).values()) >= _JOBS_AT_MOST:
            raise TooManyJobs
        total = None if path is not None else len(documents)
        job = Job(uuid4().hex, collection, path, path is not None, "queued", Counts(total=total))
        await self._rows.add(job, documents)
        self._wake(collection)
        return job

    async def find(self, job: str) -> Job:
        """Look a job up. Raises `ServiceError` 404."""
        found = await self._rows.find(job)
        if found is None:
            raise ServiceError(404, f"no job {job!r}; see GET /jobs", code="no_such_job", param="job")
        return found

    async def recent(self, collection: str | None, limit: int) -> list[Job]:
        """List the newest jobs."""
        return await self._rows.recent(collection, limit)

    async def cancel(self, job: str) -> Job:
        """Stop a job after the batch it is at; a finished one stays as it is. Raises as `find`."""
        await self.find(job)
        await self._rows.set_state(job, "cancelled")
        self._tell()
        return await self.find(job)

    async def result(self, job: str) -> Job:
        """Wait for a job. Raises what it failed by, or what it waits for: it goes on then all the same."""
        async for found in self.watch(job):
            if found.error is not None:
                raise found.error.as_error()
        return found

    async def watch(self, job: str) -> AsyncGenerator[Job]:
        """Give a job whenever it has changed, until it is finished. Raises as `find`."""
        while True:
            changed = self._changed
            found = await self.find(job)
            yield found
            if found.state not in OPEN:
                return
            await changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _wake(self, collection: str) -> None:
        runner = self._runners.get(collection)
        if runner is None:
            self._runners[collection] = _Runner(asyncio.create_task(self._run(collection)))
        else:
            runner.woken.set()

    async def _run(self, collection: str) -> None:
        pause = _FIRST_PAUSE
        while job := await self._next(collection):
            woken = self._runners[collection].woken
            woken.clear()
            async with self._slots:
                failure = await self._attempt(job)
            self._tell()
            if failure is None:
                pause = _FIRST_PAUSE
                continue
            with suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it loses a cancellation that comes just after the event.
                async with asyncio.timeout(pause):
                    await woken.wait()
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _next(self, collection: str) -> Job | None:
        """Find the next job; when there is none, the runner is over before anyone can wake it in vain."""
        runner = self._runners[collection]
        while True:
            runner.woken.clear()
            job = await self._rows.next_open(collection)
            if job is None and runner.woken.is_set():
                continue
            if job is None:
                del self._runners[collection]
            return job

    async def _attempt(self, job: Job) -> ServiceError | None:
        """Do a job, or go on with it; give what it has to wait for."""
        try:
            await self._rows.set_state(job.id, "running")
            await self._work.do(job, self._tell)
            await self._rows.set_state(job.id, "done")
        except (Unavailable, TooSlow) as err:
            await self._fail(job, err, final=False)
            return err
        except ServiceError as err:
            await self._fail(job, err, final=True)
        except Exception:
            logger.exception("job %s failed", job.id)
            await self._fail(job, internal_error(), final=True)
        return None

    async def _fail(self, job: Job, error: ServiceError, *, final: bool) -> None:
        failure = Failure(status=error.status, code=error.code, message=error.message)
        await self._rows.set_state(job.id, "failed" if final else "waiting", failure)
