"""The routes that index documents, and tell how far that is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, File, Form, Path, Query, UploadFile
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from aisuite.services.common.openapi import refusals
from aisuite.services.rag.documents import Document, DocumentFolder, Skipped, read_document
from aisuite.services.rag.job_rows import OPEN, Counts, Failure, Job, State
from aisuite.services.rag.jobs import Jobs
from aisuite.services.rag.question import Event
from aisuite.services.rag.schemas import COLLECTION_PATTERN, CollectionName, IndexRequest
from aisuite.services.rag.sse import event_stream

JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
_FILES = 1000


class JobStatus(Counts):
    """How far a job is; its counts are those of all the work that is stored."""

    job: str
    state: State
    collection: str
    path: str | None
    error: Failure | None
    skipped: list[Skipped]
    created: float
    updated: float


class JobList(BaseModel):
    """Jobs, the newest first; what each skipped is told by the job alone."""

    jobs: list[JobStatus]


_REFUSALS = refusals(403, 404, 409, 413, 429, 502, 503, 504) | {202: {"model": JobStatus}}
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Events."}
}


def create_jobs_router(jobs: Jobs, folder: DocumentFolder) -> APIRouter:
    """Make the routes."""
    router = APIRouter()

    @router.post("/index", response_model=JobStatus, responses=_REFUSALS)
    async def index(
        request: IndexRequest,
        *,
        wait: Annotated[bool, Query(description="false: answer 202 as soon as the job is safe on disk.")] = True,
    ) -> Response:
        """Index documents, in the request or below RAG_DOCUMENTS_DIR."""
        return await _answer(await _submit(request, jobs, folder), jobs, wait=wait)

    @router.get("/jobs")
    async def recent(
        collection: Annotated[str | None, Query(pattern=COLLECTION_PATTERN)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    ) -> JobList:
        """List the newest jobs."""
        return JobList(jobs=[describe_job(job) for job in await jobs.recent(collection, limit)])

    @router.get("/jobs/{job}", responses=refusals(404))
    async def one(job: JobId) -> JobStatus:
        """Tell how far a job is."""
        return describe_job(await jobs.find(job))

    @router.get("/jobs/{job}/events", responses=refusals(404) | _EVENTS, response_class=Response)
    async def events(job: JobId) -> Response:
        """Stream how far a job is: `progress` events, then `end`."""
        await jobs.find(job)
        return event_stream(_events(jobs, job))

    @router.delete("/jobs/{job}", responses=refusals(404))
    async def cancel(job: JobId) -> JobStatus:
        """Cancel a job: what is stored stays, the rest is not begun. A finished one stays as it is."""
        return describe_job(await jobs.cancel(job))

    return router


def create_upload_router(jobs: Jobs, folder: DocumentFolder) -> APIRouter:
    """Make the route that takes files."""
    router = APIRouter()

    @router.post("/upload", response_model=JobStatus, responses=_REFUSALS)
    async def upload(
        files: Annotated[list[UploadFile], File(min_length=1, max_length=_FILES)],
        collection: Annotated[CollectionName, Form()],
        *,
        wait: Annotated[bool, Query(description="false: answer 202 as soon as the job is safe on disk.")] = True,
    ) -> Response:
        """Index files that are sent; each is known by its name."""
        read = [await _read_upload(file, folder.max_bytes) for file in files]
        return await _answer(await jobs.submit(collection, read), jobs, wait=wait)

    return router


def describe_job(job: Job) -> JobStatus:
    """Give a job as callers see it."""
    return JobStatus(
        **job.counts.model_dump(),
        job=job.id,
        state=job.state,
        collection=job.collection,
        path=job.path,
        error=job.error,
        skipped=list(job.skipped),
        created=job.created,
        updated=job.updated,
    )


async def _answer(job: Job, jobs: Jobs, *, wait: bool) -> Response:
    shown = describe_job(await jobs.result(job.id) if wait else job)
    return JSONResponse(shown.model_dump(), status_code=200 if wait else 202)


async def _read_upload(file: UploadFile, max_bytes: int) -> Document | Skipped:
    name = file.filename or "(a file without a name)"
    content = await file.read(max_bytes + 1)
    await file.close()
    return await to_thread.run_sync(read_document, name, content, max_bytes)


async def _submit(request: IndexRequest, jobs: Jobs, folder: DocumentFolder) -> Job:
    path = await to_thread.run_sync(folder.find, request.path) if request.path is not None else None
    documents = [document.as_document() for document in request.documents]
    return await jobs.submit(request.collection, documents, path)


async def _events(jobs: Jobs, job: str) -> AsyncGenerator[Event]:
    async with aclosing(jobs.watch(job)) as states:
        async for state in states:
            name = "progress" if state.state in OPEN else "end"
            yield Event(name, describe_job(state).model_dump())
