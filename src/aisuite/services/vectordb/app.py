"""The vector store as an app."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import UTC, datetime

from fastapi import FastAPI
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool

from aisuite.services.common import OK, install
from aisuite.services.vectordb.api import collections, points, search, service, snapshots, unsupported
from aisuite.services.vectordb.api.answer import Store
from aisuite.services.vectordb.catalogue import Catalogue
from aisuite.services.vectordb.collection import MIB, Limits, require_room
from aisuite.services.vectordb.errors import qdrant_form
from aisuite.services.vectordb.optimizer import Optimizer
from aisuite.services.vectordb.settings import VectorDbSettings
from aisuite.services.vectordb.snapshots import Snapshots

OPTIMIZER_PERIOD_SECONDS = 1.0

logger = logging.getLogger(__name__)


def create_app(settings: VectorDbSettings) -> FastAPI:
    """Open the data folder and make the app that serves it.

    Raises a `StartError` when the key file or the folder cannot be used, or another process has the folder.
    """
    app = FastAPI(title=service.TITLE, version=service.VERSION, openapi_url=None, lifespan=_lifespan)
    metrics = install(
        app,
        settings,
        health=lambda: _health(app.state.store.catalogue),
        error_form=qdrant_form,
        open_paths=service.OPEN_PATHS,
        key_header="api-key",
    )
    limits = Limits(settings.vectordb_min_free_mib, settings.vectordb_optimize_after)
    data = settings.vectordb_data_dir.absolute()
    catalogue = Catalogue(data, limits)
    kept = Snapshots(data / "snapshots", catalogue.scratch, lambda: require_room(data, limits))
    app.state.store = Store(catalogue, kept, settings.vectordb_max_body_mib * MIB, datetime.now(UTC))
    app.state.optimizer = Optimizer(catalogue.collections)
    metrics.registry.register(StoreCollector(catalogue, app.state.optimizer))
    for area in (service, collections, points, search, snapshots, unsupported):
        app.include_router(area.router)
    return app


class StoreCollector(Collector):
    """Count points and optimizations at the moment they are asked for."""

    def __init__(self, catalogue: Catalogue, optimizer: Optimizer) -> None:
        self._catalogue = catalogue
        self._optimizer = optimizer

    def collect(self) -> Iterable[Metric]:
        """Give the store's own metrics."""
        points = GaugeMetricFamily("vectordb_points", "Points of a collection.", labels=["collection"])
        for collection in self._catalogue.collections():
            points.add_metric([collection.name], collection.points_at_most())
        broken = GaugeMetricFamily("vectordb_broken_collections", "Collections that cannot be opened.")
        broken.add_metric([], len(self._catalogue.broken))
        runs = CounterMetricFamily("vectordb_optimizations", "Optimizations by result.", labels=["result"])
        for result, count in self._optimizer.runs.items():
            runs.add_metric([result], count)
        return [points, broken, runs]


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    optimizer: Optimizer = app.state.optimizer
    background = asyncio.create_task(_repeat(optimizer.run_due))
    try:
        yield
    finally:
        background.cancel()
        optimizer.stop()
        await asyncio.gather(background, return_exceptions=True)
        await run_in_threadpool(app.state.store.catalogue.close)


async def _repeat(work: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(OPTIMIZER_PERIOD_SECONDS)
        try:
            await run_in_threadpool(work)
        except Exception:
            logger.exception("background work failed")


async def _health(catalogue: Catalogue) -> Mapping[str, str]:
    broken = {f"collection {name}": cause for name, cause in catalogue.broken.items()}
    return {"data": OK} | broken
