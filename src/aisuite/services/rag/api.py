"""The routes of the RAG service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import JSONResponse, Response

from aisuite.services.common import health_response
from aisuite.services.rag.answerer import Answerer, Question
from aisuite.services.rag.documents import DocumentFolder
from aisuite.services.rag.health import HealthCheck
from aisuite.services.rag.jobs import Jobs
from aisuite.services.rag.jobs_api import create_jobs_router
from aisuite.services.rag.library import CollectionSummary, Library
from aisuite.services.rag.retriever import Retriever
from aisuite.services.rag.schemas import COLLECTION_PATTERN, QueryRequest, RetrieveRequest
from aisuite.services.rag.sse import event_stream
from aisuite.services.rag.upkeep_api import Upkeep, create_upkeep_router

Name = Annotated[str, Path(pattern=COLLECTION_PATTERN)]


@dataclass(frozen=True)
class Services:
    """What the routes call."""

    jobs: Jobs
    library: Library
    retriever: Retriever
    answerer: Answerer
    folder: DocumentFolder
    health: HealthCheck
    upkeep: Upkeep
    topk: int


def create_router(services: Services) -> APIRouter:
    """Make the routes."""
    router = APIRouter()
    router.include_router(_question_routes(services))
    router.include_router(_library_routes(services.library))
    router.include_router(create_jobs_router(services.jobs, services.folder))
    router.include_router(create_upkeep_router(services.upkeep))

    @router.get("/health")
    async def health(*, llm: bool = False) -> JSONResponse:
        return health_response(await services.health.states(llm=llm))

    return router


def _question_routes(services: Services) -> APIRouter:
    router = APIRouter()

    @router.post("/retrieve")
    async def retrieve(request: RetrieveRequest) -> dict[str, Any]:
        topk = request.topk or services.topk
        chosen = request.filter.as_filter()
        hits = await services.retriever.search(request.collection, request.query, topk, chosen, request.method)
        return {"hits": hits}

    @router.post("/query")
    async def query(request: QueryRequest) -> Response:
        question = Question(
            text=request.query,
            collection=request.collection,
            topk=request.topk or services.topk,
            chosen=request.filter.as_filter(),
            method=request.method,
            model=request.model,
            max_tokens=request.max_tokens,
        )
        hits = await services.answerer.find(question)
        if request.stream:
            return event_stream(services.answerer.stream(question, hits))
        answer = await services.answerer.answer(question, hits)
        return Response(answer.model_dump_json(), media_type="application/json")

    return router


def _library_routes(library: Library) -> APIRouter:
    router = APIRouter(prefix="/collections")

    @router.get("")
    async def collections() -> dict[str, list[CollectionSummary]]:
        return {"collections": await library.summaries()}

    @router.get("/{name}")
    async def collection(name: Name) -> CollectionSummary:
        return await library.summary(name)

    @router.delete("/{name}")
    async def delete_collection(name: Name) -> dict[str, CollectionSummary]:
        return {"deleted": await library.remove_collection(name)}

    @router.get("/{name}/documents")
    async def documents(
        name: Name,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        found, total = await library.documents(name, offset, limit)
        return {"documents": found, "total": total}

    # An id may be a path with slashes.
    @router.delete("/{name}/documents/{document_id:path}")
    async def delete_document(name: Name, document_id: str) -> dict[str, Any]:
        chunks = await library.remove_document(name, document_id)
        return {"deleted": {"document_id": document_id, "chunks": chunks}}

    return router
