"""The RAG service as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx
from fastapi import FastAPI
from pydantic import AnyHttpUrl

from aisuite.services.common import install
from aisuite.services.common.install import OPEN_PATHS
from aisuite.services.common.openapi import document
from aisuite.services.common.settings import read_api_key
from aisuite.services.common.transport import ServiceTransport
from aisuite.services.rag.answer_cache import AnswerCache
from aisuite.services.rag.answerer import Answerer, AnswerRules
from aisuite.services.rag.answering import Answering
from aisuite.services.rag.api import Services, create_router
from aisuite.services.rag.asked import Asked
from aisuite.services.rag.body_limit import BodyLimitMiddleware
from aisuite.services.rag.budget import ContextBudget
from aisuite.services.rag.database import Database
from aisuite.services.rag.documents import DocumentFolder
from aisuite.services.rag.embedder import Embedder
from aisuite.services.rag.gateway import Gateway
from aisuite.services.rag.health import HealthCheck
from aisuite.services.rag.indexer import Indexer, IndexRules, Shelves
from aisuite.services.rag.insight_api import Insight
from aisuite.services.rag.job_rows import JobRows
from aisuite.services.rag.job_work import JobWork
from aisuite.services.rag.jobs import Jobs
from aisuite.services.rag.library import Library
from aisuite.services.rag.measures import Measures
from aisuite.services.rag.mending import Mender
from aisuite.services.rag.model_choice import ModelChoice
from aisuite.services.rag.question import Answer
from aisuite.services.rag.rarity import Rarity
from aisuite.services.rag.reconciler import Reconciler
from aisuite.services.rag.records import Records
from aisuite.services.rag.reranker import Reranker
from aisuite.services.rag.retriever import Retriever, SearchRules
from aisuite.services.rag.server_context import ServerContext
from aisuite.services.rag.settings import RagSettings
from aisuite.services.rag.store import VectorStore
from aisuite.services.rag.support import Support
from aisuite.services.rag.token_count import TokenCount
from aisuite.services.rag.upkeep_api import Upkeep
from aisuite.services.rag.upstream import AT_ONCE, Retry, Upstream
from aisuite.services.rag.write_gate import WriteGate

QDRANT = "qdrant"
EMBEDDING = "embedding"
GATEWAY = "gateway"
RERANKER = "reranker"
INFERENCE_CHAT = "inference-chat"
INFERENCE_CODE = "inference-code"
_PROPS_SECONDS = 2.0

Transports = Mapping[str, httpx.AsyncBaseTransport]


def create_app(settings: RagSettings, transports: Transports | None = None) -> FastAPI:
    """Make the application; `transports` replaces the network to a dependency. Raises `StartError`."""
    clients = _open_clients(settings, transports or {})

    database = Database(settings.rag_data_dir.absolute())
    app = FastAPI(title="aisuite rag", lifespan=lambda _: lifespan())
    # Inside of all that `install` adds: who has no key is not read at all.
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.rag_max_request_bytes)
    metrics = install(app, settings)
    measures = Measures(metrics.registry)
    upstreams = {name: Upstream(name, client, measures.watch_dependency) for name, client in clients.items()}
    services, mender = _services(settings, upstreams, database, measures)
    app.include_router(create_router(services))
    document(app, OPEN_PATHS)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(database.close)
            for client in clients.values():
                await stack.enter_async_context(client)
            await stack.enter_async_context(_running(mender, services.jobs))
            yield

    return app


@asynccontextmanager
async def _running(mender: Mender, jobs: Jobs) -> AsyncIterator[None]:
    background = asyncio.create_task(mender.run())
    try:
        await jobs.start()
        yield
    finally:
        await jobs.stop()
        background.cancel()
        with suppress(asyncio.CancelledError):
            await background


def _open_clients(settings: RagSettings, transports: Transports) -> dict[str, httpx.AsyncClient]:
    own = read_api_key(settings.service_api_key_file).get_secret_value()
    gateway = read_api_key(settings.api_gateway_key_file).get_secret_value()
    bearer = {"Authorization": f"Bearer {own}"}
    specs: dict[str, tuple[AnyHttpUrl, float, dict[str, str]]] = {
        QDRANT: (settings.qdrant_url, settings.qdrant_timeout, {"api-key": own}),
        EMBEDDING: (settings.embedding_url, settings.embedding_timeout, bearer),
        GATEWAY: (settings.api_gateway_url, settings.rag_llm_timeout, {"Authorization": f"Bearer {gateway}"}),
    }
    if settings.reranker_url is not None:
        specs[RERANKER] = (settings.reranker_url, settings.reranker_timeout, bearer)
    servers = {INFERENCE_CHAT: settings.inference_chat_url, INFERENCE_CODE: settings.inference_code_url}
    specs |= {name: (url, _PROPS_SECONDS, bearer) for name, url in servers.items() if url is not None}
    return {
        name: httpx.AsyncClient(
            base_url=_root(url),
            timeout=seconds,
            headers=headers,
            transport=transports.get(name) or ServiceTransport(),
            trust_env=False,  # a proxy of the environment is not meant for our own services
        )
        for name, (url, seconds, headers) in specs.items()
    }


def _root(url: AnyHttpUrl) -> str:
    """Take the API version off an address: both http://host:8000 and http://host:8000/v1 are in use."""
    return str(url).rstrip("/").removesuffix("/v1")


def _services(
    settings: RagSettings, upstreams: dict[str, Upstream], database: Database, measures: Measures
) -> tuple[Services, Mender]:
    # Indexing sits a restart of a dependency out; who asks a question is told at once.
    patient = Retry(
        settings.qdrant_max_retries, settings.qdrant_retry_min_wait, settings.qdrant_retry_max_wait, patient=True
    )
    gate, records = WriteGate(), Records(database)
    store, patient_store = (VectorStore(upstreams[QDRANT], retry) for retry in (AT_ONCE, patient))
    library = Library(store, records, gate, measures)
    reranker = Reranker(upstreams[RERANKER]) if RERANKER in upstreams else None
    search_rules = SearchRules(
        settings.rag_min_score, settings.rag_min_words, settings.rag_word_weight, settings.rag_rerank_candidates
    )
    models = (Embedder(upstreams[EMBEDDING], AT_ONCE), reranker)
    retriever = Retriever(store, library, models, search_rules, measures)
    support = Support(Rarity(upstreams[QDRANT]), library, settings.rag_min_support)
    gateway = Gateway(upstreams[GATEWAY])
    index_rules = IndexRules(settings.rag_chunk_size, settings.rag_chunk_overlap, settings.rag_max_document_bytes)
    shelves = Shelves(records, patient_store, gate)
    model = (Embedder(upstreams[EMBEDDING], patient), TokenCount(upstreams[EMBEDDING], patient))
    indexer = Indexer(shelves, model, library, index_rules, measures)
    mender = Mender(records, library, indexer)
    folder = DocumentFolder(settings.rag_documents_dir, settings.rag_max_document_bytes)
    job_rows = JobRows(database)
    jobs = Jobs(job_rows, JobWork(job_rows, indexer, library, folder))
    choice = ModelChoice(settings.api_gateway_chat_model, settings.api_gateway_code_model)
    answer_rules = AnswerRules(choice, settings.rag_llm_max_tokens, settings.rag_llm_temperature)
    budget = ContextBudget(settings.rag_context_tokens)
    asked = Asked(with_text=settings.rag_analytics_questions)
    servers = [upstreams[name] for name in (INFERENCE_CHAT, INFERENCE_CODE) if name in upstreams]
    answerer = Answerer(
        (retriever, support), gateway, (budget, ServerContext(servers)), answer_rules, (measures, asked)
    )
    probes = {QDRANT: "/readyz", EMBEDDING: "/health", GATEWAY: "/health/liveliness"}
    health = HealthCheck({upstreams[name]: path for name, path in probes.items()}, gateway, choice.chat)
    cache = AnswerCache[Answer](settings.rag_cache_entries, settings.rag_cache_seconds)
    services = Services(
        jobs=jobs,
        library=library,
        retriever=retriever,
        support=support,
        answering=Answering(answerer, records, cache, measures),
        folder=folder,
        insight=Insight(health, cache, measures, asked),
        upkeep=Upkeep(Reconciler(patient_store, records, library, gate), mender, gate, cache.clear),
        topk=settings.rag_topk,
    )
    return services, mender
