"""Reads that are no queries: by id, by scrolling, counts, facets; and how points are shown."""

from __future__ import annotations

from typing import Annotated, Any

import qdrant_edge as edge
from pydantic import Field

from aisuite.services.vectordb.collection import Collection
from aisuite.services.vectordb.errors import BadRequest
from aisuite.services.vectordb.filters import parse_narrowing
from aisuite.services.vectordb.queries import with_payload, with_vector
from aisuite.services.vectordb.query_shapes import Limit, read_order
from aisuite.services.vectordb.vectors import vectors_json
from aisuite.services.vectordb.wire import Body, PointId, Unsupported

DEFAULT_LIMIT = 10


class Retrieve(Body):
    """The body of `POST .../points`."""

    ids: list[PointId]
    with_payload: Any = None
    with_vector: Any = None
    shard_key: Unsupported = None

    def answer(self, collection: Collection) -> list[dict[str, Any]]:
        """Give the points that exist."""
        payload, vector = with_payload(self.with_payload, default=True), with_vector(self.with_vector)
        records = collection.read(lambda shard: shard.retrieve([*self.ids], payload, vector))
        return [point_json(record) for record in records]


class Scroll(Body):
    """The body of `POST .../points/scroll`."""

    offset: PointId | None = None
    limit: Limit | None = None
    filter: Any = None
    with_payload: Any = None
    with_vector: Any = None
    order_by: Any = None
    shard_key: Unsupported = None

    def answer(self, collection: Collection) -> dict[str, Any]:
        """Give a page of points, and where the next one begins."""
        order = read_order(self.order_by).engine_order() if self.order_by is not None else None
        if order is not None and self.offset is not None:
            raise BadRequest("offset cannot be used with order_by; use start_from")
        request = edge.ScrollRequest(
            offset=self.offset,
            limit=min(self.limit or DEFAULT_LIMIT, max(1, collection.points_at_most())),
            filter=parse_narrowing(self.filter),
            with_payload=with_payload(self.with_payload, default=True),
            with_vector=with_vector(self.with_vector),
            order_by=order,
        )
        records, following = collection.read(lambda shard: shard.scroll(request))
        return {
            "points": [point_json(record) for record in records],
            "next_page_offset": None if order is not None or following is None else point_id_json(following),
        }


class Count(Body):
    """The body of `POST .../points/count`; the count is always exact."""

    filter: Any = None
    exact: bool | None = None
    shard_key: Unsupported = None

    def answer(self, collection: Collection) -> dict[str, int]:
        """Count the points that match."""
        return {"count": collection.count(parse_narrowing(self.filter))}


class Facet(Body):
    """The body of `POST .../facet`."""

    key: str
    limit: Annotated[int, Field(ge=1, le=100_000)] | None = None
    filter: Any = None
    exact: bool | None = None
    shard_key: Unsupported = None

    def answer(self, collection: Collection) -> dict[str, Any]:
        """Count the points for each value of an indexed key."""
        condition = parse_narrowing(self.filter)
        try:
            request = edge.FacetRequest(
                self.key, limit=self.limit or DEFAULT_LIMIT, exact=bool(self.exact), filter=condition
            )
        except ValueError as err:
            raise BadRequest(f"key: {err}") from err
        hits = collection.read(lambda shard: shard.facet(request)).hits
        return {"hits": [{"value": hit.value, "count": hit.count} for hit in hits]}


def point_id_json(point: Any) -> int | str:
    """Show a point's id."""
    return point if isinstance(point, int) else str(point)


def point_json(record: edge.Record) -> dict[str, Any]:
    """Show a stored point."""
    shown: dict[str, Any] = {"id": point_id_json(record.id), "payload": record.payload}
    if record.vector is not None:
        shown["vector"] = vectors_json(record.vector)
    if record.order_value is not None:
        shown["order_value"] = record.order_value
    return shown


def scored_json(point: edge.ScoredPoint, *, with_vector: bool = False) -> dict[str, Any]:
    """Show a found point; some queries give vectors that nobody asked for."""
    shown: dict[str, Any] = {
        "id": point_id_json(point.id),
        "version": point.version,
        "score": point.score,
        "payload": point.payload,
    }
    if with_vector and point.vector is not None:
        shown["vector"] = vectors_json(point.vector)
    if point.order_value is not None:
        shown["order_value"] = point.order_value
    return shown
