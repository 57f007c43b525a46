"""What a query scores points by, read from JSON into the engine's form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol
from uuid import UUID

import qdrant_edge as edge

from aisuite.services.vectordb.errors import BadRequest, NotSupported
from aisuite.services.vectordb.query_shapes import (
    DiscoverJson,
    IdJson,
    MmrJson,
    PairJson,
    PrefetchJson,
    RecommendJson,
    RrfJson,
    read_order,
)
from aisuite.services.vectordb.schema import DEFAULT_VECTOR, CollectionSchema
from aisuite.services.vectordb.vectors import Vector, parse_vector
from aisuite.services.vectordb.wire import check_shape, shorten

PointKey = int | UUID

_INFERENCE = "inference (documents, images, objects)"
_UNSUPPORTED = {
    "formula": "formula",
    "relevance_feedback": "relevance_feedback",
    "text": _INFERENCE,
    "image": _INFERENCE,
    "object": _INFERENCE,
}


class PointSource(Protocol):
    """A collection whose points can stand for their vectors."""

    @property
    def schema(self) -> CollectionSchema:
        """What the collection is made of."""
        ...

    def vector_of(self, point: PointKey, name: str) -> Vector | None:
        """Give one vector of a point; raises `NotFound` without the point."""
        ...


FindSource = Callable[[str | None], PointSource]  # None is the collection that is queried


class ScoringReader:
    """Read the `query` of one body; `named` collects the points of this collection that it names."""

    def __init__(self, find: FindSource, body: PrefetchJson, limit: int) -> None:
        lookup = body.lookup_from
        self._using = body.using or DEFAULT_VECTOR
        self._limit = limit
        self._schema = find(None).schema
        self._examples = find(lookup.collection if lookup else None)
        self._example_vector = (lookup.vector or DEFAULT_VECTOR) if lookup else self._using
        self._examples_are_ours = lookup is None
        self.named: list[PointKey] = []

    def read(self, query: Any) -> Any:
        """Give the engine's query."""
        if not isinstance(query, dict) or "indices" in query:
            return edge.Query.Nearest(self._vector(query), using=self._using)
        for kind, feature in _UNSUPPORTED.items():
            if kind in query:
                raise NotSupported(feature)
        for kind, read in self._kinds().items():
            if kind in query:
                if extra := query.keys() - {kind, "mmr"}:
                    raise BadRequest(f"query: unknown key {min(extra)!r}")
                return read(query)
        raise BadRequest(f"query: unknown kind {shorten(query)}")

    def _kinds(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        return {
            "nearest": self._nearest,
            "recommend": lambda query: self._recommend(check_shape(RecommendJson, query["recommend"])),
            "discover": lambda query: self._discover(check_shape(DiscoverJson, query["discover"])),
            "context": lambda query: edge.Query.Context(
                edge.ContextQuery(self._pairs(query["context"])), using=self._using
            ),
            "order_by": lambda query: read_order(query["order_by"]).engine_order(),
            "fusion": lambda query: _fusion(query["fusion"]),
            "rrf": lambda query: _rrf(check_shape(RrfJson, query["rrf"])),
            "sample": lambda query: _sample(query["sample"]),
        }

    def _nearest(self, query: dict[str, Any]) -> Any:
        vector = self._vector(query["nearest"])
        if query.get("mmr") is None:
            return edge.Query.Nearest(vector, using=self._using)
        mmr = check_shape(MmrJson, query["mmr"])
        diversity = 0.5 if mmr.diversity is None else mmr.diversity
        candidates = mmr.candidates_limit or self._limit
        return edge.Mmr(vector, 1 - diversity, candidates, using=self._using)

    def _recommend(self, body: RecommendJson) -> Any:
        positives = [self._vector(example) for example in body.positive or []]
        negatives = [self._vector(example) for example in body.negative or []]
        if body.strategy in {None, "average_vector"}:
            return edge.Query.Nearest(_average(positives, negatives), using=self._using)
        if not positives and not negatives:
            raise BadRequest("recommend: at least one example is needed")
        examples = edge.RecommendQuery(positives, negatives)
        score = edge.Query.RecommendBestScore if body.strategy == "best_score" else edge.Query.RecommendSumScores
        return score(examples, using=self._using)

    def _discover(self, body: DiscoverJson) -> Any:
        context = body.context if isinstance(body.context, list) else [body.context] if body.context else []
        pairs = [edge.ContextPair(self._vector(pair.positive), self._vector(pair.negative)) for pair in context]
        return edge.Query.Discover(edge.DiscoverQuery(self._vector(body.target), pairs), using=self._using)

    def _pairs(self, value: object) -> list[edge.ContextPair]:
        listed = value if isinstance(value, list) else [value]
        pairs = [check_shape(PairJson, item) for item in listed]
        return [edge.ContextPair(self._vector(pair.positive), self._vector(pair.negative)) for pair in pairs]

    def _vector(self, value: Any) -> Vector:
        if not isinstance(value, int | str) or isinstance(value, bool):
            return parse_vector(value, self._using, self._schema)
        point = check_shape(IdJson, {"id": value}).id
        vector = self._examples.vector_of(point, self._example_vector)
        if vector is None:
            raise BadRequest(f"point {point} has no vector `{self._example_vector}`")
        if self._examples_are_ours:
            self.named.append(point)
        return vector


def _average(positives: Sequence[Vector], negatives: Sequence[Vector]) -> list[float]:
    if not positives:
        raise BadRequest("recommend: the average_vector strategy needs a positive example")
    rows = [*positives, *negatives]
    if not all(isinstance(row, list) and row and isinstance(row[0], float) for row in rows):
        raise NotSupported("recommend with the average_vector strategy on sparse or multi vectors")
    target = _mean(positives)
    if not negatives:
        return target
    return [2 * near - far for near, far in zip(target, _mean(negatives), strict=True)]


def _mean(rows: Sequence[Any]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def _fusion(kind: object) -> Any:
    if kind == "rrf":
        return _rrf(RrfJson())
    if kind == "dbsf":
        return edge.Fusion.Dbsf()
    raise BadRequest(f"fusion: {shorten(kind)} is neither rrf nor dbsf")


def _rrf(body: RrfJson) -> Any:
    return edge.Fusion.Rrf(k=body.k or 2, weights=body.weights)


def _sample(kind: object) -> Any:
    if kind != "random":
        raise BadRequest(f"sample: {shorten(kind)} is not random")
    return edge.Sample.Random
