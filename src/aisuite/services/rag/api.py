"""The routes of the RAG service."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from aisuite.services.common.openapi import refusals
from aisuite.services.rag.answering import Answering
from aisuite.services.rag.documents import DocumentFolder
from aisuite.services.rag.insight_api import Insight, create_insight_router
from aisuite.services.rag.jobs import Jobs
from aisuite.services.rag.jobs_api import create_jobs_router, create_upload_router
from aisuite.services.rag.library import CollectionSummary, Library
from aisuite.services.rag.question import Answer
from aisuite.services.rag.retriever import Hit, Retriever
from aisuite.services.rag.schemas import COLLECTION_PATTERN, QueryRequest, RetrieveRequest
from aisuite.services.rag.sse import event_stream
from aisuite.services.rag.support import Support
from aisuite.services.rag.upkeep_api import Upkeep, create_upkeep_router

Name = Annotated[str, Path(pattern=COLLECTION_PATTERN)]


_REFUSALS = refusals(404, 409, 502, 503, 504)
_ANSWERS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}


class Hits(BaseModel):
    """What was found, best first."""

    hits: list[Hit]
    reranked: bool | None = Field(default=None, description="false: the reranker did not answer; null: not asked.")
    supported: bool | None = Field(default=None, description="Whether an answer would be given; null: not judged.")


@dataclass(frozen=True)
class Services:
    """What the routes call."""

    jobs: Jobs
    library: Library
    retriever: Retriever
    support: Support
    answering: Answering
    folder: DocumentFolder
    insight: Insight
    upkeep: Upkeep
    topk: int


def create_router(services: Services) -> APIRouter:
    """Make the routes."""
    router = APIRouter()
    router.include_router(_question_routes(services))
    router.include_router(_library_routes(services.library))
    router.include_router(create_jobs_router(services.jobs, services.folder))
    if find_spec("python_multipart"):  # it comes with aisuite[rag]; all else works without
        router.include_router(create_upload_router(services.jobs, services.folder))
    router.include_router(create_insight_router(services.insight))
    router.include_router(create_upkeep_router(services.upkeep))

    return router


def _question_routes(services: Services) -> APIRouter:
    router = APIRouter()

    @router.post("/retrieve", response_model=Hits, responses=_REFUSALS)
    async def retrieve(request: RetrieveRequest) -> Response:
        """Find chunks, without an answer."""
        search = request.as_search(services.topk)
        searched = await services.retriever.search(search)
        supported = await services.support.suffices(search, searched.hits) if request.judge else None
        found = Hits(hits=searched.hits, reranked=searched.reranked, supported=supported)
        return Response(found.model_dump_json(), media_type="application/json")

    @router.post("/query", response_model=Answer, responses=_REFUSALS | _ANSWERS)
    async def query(request: QueryRequest) -> Response:
        """Answer a question from documents; with `stream`, as events: sources, delta after delta, done."""
        question = request.as_question(services.topk)
        if request.stream:
            return event_stream(await services.answering.stream(question, fresh=not request.cache))
        answer = await services.answering.answer(question, fresh=not request.cache)
        return Response(answer.model_dump_json(), media_type="application/json")

    return router


def _library_routes(library: Library) -> APIRouter:
    router = APIRouter(prefix="/collections")

    @router.get("", responses=refusals(502, 503, 504))
    async def collections() -> dict[str, list[CollectionSummary]]:
        return {"collections": await library.summaries()}

    @router.get("/{name}", responses=_REFUSALS)
    async def collection(name: Name) -> CollectionSummary:
        return await library.summary(name)

    @router.delete("/{name}", responses=_REFUSALS)
    async def delete_collection(name: Name) -> dict[str, CollectionSummary]:
        return {"deleted": await library.remove_collection(name)}

    @router.get("/{name}/documents", responses=_REFUSALS)
    async def documents(
        name: Name,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        found, total = await library.documents(name, offset, limit)
        return {"documents": found, "total": total}

    # An id may be a path with slashes.
    @router.delete("/{name}/documents/{document_id:path}", responses=_REFUSALS)
    async def delete_document(name: Name, document_id: str) -> dict[str, Any]:
        chunks = await library.remove_document(name, document_id)
        return {"deleted": {"document_id": document_id, "chunks": chunks}}

    return router
