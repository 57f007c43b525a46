"""The bodies of queries, as JSON has them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import qdrant_edge as edge
from pydantic import Field

from aisuite.services.vectordb.errors import BadRequest
from aisuite.services.vectordb.wire import Body, PointId, Unsupported, check_shape

Limit = Annotated[int, Field(ge=1)]


class QuantizationParams(Body):
    """Accepted for clients that always send it; nothing here is quantized."""

    ignore: bool = False
    rescore: bool | None = None
    oversampling: float | None = None


class SearchParamsJson(Body):
    """How to search."""

    hnsw_ef: int | None = Field(default=None, ge=1)
    exact: bool | None = None
    indexed_only: bool | None = None
    quantization: QuantizationParams | None = None
    acorn: Unsupported = None
    idf: Unsupported = None

    def engine_params(self) -> edge.SearchParams:
        """Make the engine's form of it."""
        return edge.SearchParams(hnsw_ef=self.hnsw_ef, exact=bool(self.exact), indexed_only=bool(self.indexed_only))


class Lookup(Body):
    """Another collection to take the vectors of ids from."""

    collection: str
    vector: str | None = None
    shard_key: Unsupported = None


class PrefetchJson(Body):
    """A query whose results feed another one."""

    prefetch: Any = None
    query: Any = None
    using: str | None = None
    filter: Any = None
    params: SearchParamsJson | None = None
    score_threshold: float | None = None
    limit: Limit | None = None
    lookup_from: Lookup | None = None


class QueryJson(PrefetchJson):
    """The body of `POST .../points/query`."""

    offset: int | None = Field(default=None, ge=0)
    with_vector: Any = None
    with_payload: Any = None
    shard_key: Unsupported = None


class QueryBatch(Body):
    """The body of `POST .../points/query/batch`."""

    searches: list[QueryJson]


class MmrJson(Body):
    """Diversity among the nearest."""

    diversity: float | None = Field(default=None, ge=0, le=1)
    candidates_limit: int | None = Field(default=None, ge=1, le=16_384)


class RecommendJson(Body):
    """Near to some examples, far from others."""

    positive: list[Any] | None = None
    negative: list[Any] | None = None
    strategy: Literal["average_vector", "best_score", "sum_scores"] | None = None


class PairJson(Body):
    """A better and a worse example."""

    positive: Any
    negative: Any


class DiscoverJson(Body):
    """Near to a target, within a context."""

    target: Any
    context: list[PairJson] | PairJson | None = None


class OrderByJson(Body):
    """Order by a payload field that has a range index."""

    key: str
    direction: Literal["asc", "desc"] | None = None
    start_from: int | float | str | None = None

    def engine_order(self) -> edge.OrderBy:
        """Make the engine's form of it."""
        direction = edge.Direction.Desc if self.direction == "desc" else edge.Direction.Asc
        try:
            return edge.OrderBy(self.key, direction=direction, start_from=self.start_from)
        except ValueError as err:
            raise BadRequest(f"order_by: {err}") from err


class RrfJson(Body):
    """Reciprocal rank fusion."""

    k: int | None = Field(default=None, ge=1)
    weights: list[Annotated[float, Field(ge=0, le=1e6)]] | None = None


class IdJson(Body):
    """A point that stands for its vector."""

    id: PointId


def read_order(value: object) -> OrderByJson:
    """Read an order, which may be only a key."""
    return check_shape(OrderByJson, {"key": value} if isinstance(value, str) else value)
