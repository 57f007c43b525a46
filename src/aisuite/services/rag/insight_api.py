"""The routes that tell how the service does."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import JSONResponse

from aisuite.services.common import health_response
from aisuite.services.rag.answer_cache import AnswerCache, CacheStats
from aisuite.services.rag.asked import Asked, AskedQuestion
from aisuite.services.rag.health import HealthCheck
from aisuite.services.rag.measures import Measures, StageFigures
from aisuite.services.rag.question import Answer


@dataclass(frozen=True)
class Insight:
    """What the routes call."""

    health: HealthCheck
    cache: AnswerCache[Answer]
    measures: Measures
    asked: Asked


class Health(BaseModel):
    """Whether the service can do its work, and each dependency: ok, or the reason why not."""

    status: str
    dependencies: dict[str, str]


class Analytics(BaseModel):
    """What was asked since the start, and how long it took; the text of questions only if that is turned on."""

    questions: int
    found: int
    cache: CacheStats
    stages: dict[str, StageFigures]
    recent: list[AskedQuestion]


def create_insight_router(insight: Insight) -> APIRouter:
    """Make the routes."""
    router = APIRouter()
    unavailable = {503: {"model": Health, "headers": {"Retry-After": {"schema": {"type": "string"}}}}}

    @router.get("/health", response_model=Health, responses=unavailable)  # type: ignore[arg-type]
    async def health(*, llm: bool = False) -> JSONResponse:
        """Tell whether the dependencies answer; with `llm`, a model is asked for a token, too."""
        return health_response(await insight.health.states(llm=llm))

    @router.post("/prewarm", response_model=Health, responses=unavailable)  # type: ignore[arg-type]
    async def prewarm() -> JSONResponse:
        """Have every dependency and a model answer once, so that the first question does not wait for them."""
        return health_response(await insight.health.states(llm=True))

    @router.get("/cache/stats")
    async def cache_stats() -> CacheStats:
        """Tell how the cache of answers does."""
        return insight.cache.stats()

    @router.delete("/cache")
    async def clear_cache() -> CacheStats:
        """Forget all kept answers."""
        insight.cache.clear()
        return insight.cache.stats()

    @router.get("/analytics")
    async def analytics() -> Analytics:
        """Sum up what was asked since the start."""
        asked = insight.asked
        return Analytics(
            questions=asked.questions,
            found=asked.found,
            cache=insight.cache.stats(),
            stages=insight.measures.stages(),
            recent=list(asked.recent),
        )

    return router
