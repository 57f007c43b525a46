"""Queries, read from JSON into the engine's requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import qdrant_edge as edge

from aisuite.services.vectordb.errors import BadRequest
from aisuite.services.vectordb.filters import parse_narrowing
from aisuite.services.vectordb.query_shapes import PrefetchJson, QueryJson
from aisuite.services.vectordb.scoring import FindSource, PointKey, ScoringReader
from aisuite.services.vectordb.wire import check_shape, shorten

DEFAULT_LIMIT = 10
MAX_PREFETCH_DEPTH = 8


@dataclass(frozen=True)
class QueryReader:
    """Turn one query body into the engine's request, fetching the vectors of points that stand for themselves."""

    find: FindSource
    points_count: int  # no limit needs to be larger, and a huge one would cost memory

    def request(self, body: QueryJson) -> edge.QueryRequest:
        """Read a whole query."""
        query, named = self._query(body)
        offset = min(body.offset or 0, self.points_count)
        return edge.QueryRequest(
            limit=self._limit(body.limit),
            offset=offset,
            query=query,
            prefetches=self._prefetches(body.prefetch, MAX_PREFETCH_DEPTH),
            with_vector=with_vector(body.with_vector),
            with_payload=with_payload(body.with_payload),
            filter=_without(named, parse_narrowing(body.filter)),
            score_threshold=body.score_threshold,
            params=body.params.engine_params() if body.params else None,
        )

    def _prefetches(self, value: object, levels: int) -> list[edge.Prefetch] | None:
        if value is None:
            return None
        if levels == 0:
            raise BadRequest(f"prefetch: nested more than {MAX_PREFETCH_DEPTH} levels deep")
        listed = value if isinstance(value, list) else [value]
        return [self._prefetch(check_shape(PrefetchJson, item), levels) for item in listed]

    def _prefetch(self, body: PrefetchJson, levels: int) -> edge.Prefetch:
        query, named = self._query(body)
        return edge.Prefetch(
            limit=self._limit(body.limit),
            query=query,
            prefetches=self._prefetches(body.prefetch, levels - 1),
            params=body.params.engine_params() if body.params else None,
            filter=_without(named, parse_narrowing(body.filter)),
            score_threshold=body.score_threshold,
        )

    def _limit(self, limit: int | None) -> int:
        return min(limit or DEFAULT_LIMIT, max(1, self.points_count))

    def _query(self, body: PrefetchJson) -> tuple[Any, list[PointKey]]:
        """Give the engine's query, and the ids named in it, which are not results of it."""
        if body.query is None:
            return None, []
        reader = ScoringReader(self.find, body, self._limit(body.limit))
        return reader.read(body.query), reader.named


def with_payload(value: object, *, default: bool = False) -> Any:
    """Read which payload keys are wanted."""
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if _is_names(value):
        return edge.PayloadSelector.Include(value)
    if isinstance(value, dict) and len(value) == 1:
        kind, keys = next(iter(value.items()))
        if kind in {"include", "exclude"} and _is_names(keys):
            return edge.PayloadSelector.Include(keys) if kind == "include" else edge.PayloadSelector.Exclude(keys)
    raise BadRequest(f"with_payload: {shorten(value)} is neither a bool, a list of keys, nor include or exclude")


def with_vector(value: object) -> Any:
    """Read which vectors are wanted."""
    if value is None:
        return False
    if isinstance(value, bool) or _is_names(value):
        return value
    raise BadRequest(f"with_vector: {shorten(value)} is neither a bool nor a list of vector names")


def _is_names(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _without(named: Sequence[PointKey], condition: edge.Filter | None) -> edge.Filter | None:
    """Leave out the points that the query itself names."""
    if not named:
        return condition
    return edge.Filter(must=[condition] if condition else None, must_not=[edge.HasIdCondition(set(named))])
