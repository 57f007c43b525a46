"""/collections/{name}/points/query."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge
from fastapi import APIRouter
from starlette.responses import Response

from aisuite.services.vectordb.api.answer import RawBody, StoreDep, answer_body, answer_search
from aisuite.services.vectordb.catalogue import Catalogue
from aisuite.services.vectordb.errors import engine_errors
from aisuite.services.vectordb.groups import GroupQuery
from aisuite.services.vectordb.queries import QueryReader
from aisuite.services.vectordb.query_shapes import QueryBatch, QueryJson
from aisuite.services.vectordb.reading import scored_json
from aisuite.services.vectordb.scoring import FindSource

router = APIRouter(prefix="/collections/{name}/points/query")


@router.post("")
async def query(name: str, raw: RawBody, store: StoreDep) -> Response:
    """Find points."""
    return await answer_search(QueryJson, raw, lambda body: _query(store.catalogue, name, [body])[0])


@router.post("/batch")
async def query_batch(name: str, raw: RawBody, store: StoreDep) -> Response:
    """Find points for several queries at once."""
    return await answer_search(QueryBatch, raw, lambda body: _query(store.catalogue, name, body.searches))


@router.post("/groups")
async def query_groups(name: str, raw: RawBody, store: StoreDep) -> Response:
    """Find groups of points."""
    return await answer_body(
        GroupQuery,
        raw,
        lambda body: body.answer(store.catalogue.find(name), _source(store.catalogue, name)),
    )


def _query(catalogue: Catalogue, name: str, bodies: list[QueryJson]) -> list[dict[str, Any]]:
    collection = catalogue.find(name)
    reader = QueryReader(_source(catalogue, name), collection.points_at_most())
    with engine_errors():
        batch = edge.QueryBatchRequest([reader.request(body) for body in bodies])
    found = collection.read(lambda shard: shard.query_batch(batch))
    return [
        {"points": [scored_json(point, with_vector=bool(body.with_vector)) for point in points]}
        for body, points in zip(bodies, found, strict=True)
    ]


def _source(catalogue: Catalogue, name: str) -> FindSource:
    return lambda other: catalogue.find(other or name)
