"""Updates of points: each body becomes engine operations, fully checked before the first is applied."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import qdrant_edge as edge
from pydantic import Field, model_validator

from aisuite.services.vectordb.errors import InvalidBody, engine_errors
from aisuite.services.vectordb.filters import parse_filter
from aisuite.services.vectordb.schema import DEFAULT_VECTOR, CollectionSchema
from aisuite.services.vectordb.vectors import parse_vectors
from aisuite.services.vectordb.wire import Body, Payload, PayloadPath, PointId, Unsupported, check_shape

# The engine keeps the interpreter to itself while it works: short steps keep the server answering.
STEP = 500

_UPDATE_MODES = {
    "upsert": edge.UpdateMode.Upsert,
    "insert_only": edge.UpdateMode.InsertOnly,
    "update_only": edge.UpdateMode.UpdateOnly,
}
_engine = edge.UpdateOperation


@dataclass(frozen=True)
class Update:
    """One engine operation."""

    operation: edge.UpdateOperation
    points: int  # how many it touches, as far as is known before
    needs: tuple[int | UUID, ...] = ()  # points that must exist: the engine would stop half-way without one


class UpdateBody(Body):
    """A body that changes points."""

    @abstractmethod
    def updates(self, schema: CollectionSchema) -> Iterator[Update]:
        """Give the engine operations, in order."""


class PointJson(Body):
    """One point."""

    id: PointId
    vector: Any
    payload: Payload | None = None


class BatchJson(Body):
    """Points as columns."""

    ids: list[PointId]
    vectors: Any
    payloads: list[Payload | None] | None = None

    def points(self) -> list[PointJson]:
        """Turn the columns into points."""
        count = len(self.ids)
        payloads = self.payloads if self.payloads is not None else [None] * count
        rows = list(_rows(self.vectors, count))
        if not len(rows) == len(payloads) == count:
            raise InvalidBody(f"batch: {count} ids, {len(rows)} vectors, {len(payloads)} payloads")
        return [
            PointJson.model_construct(id=point_id, vector=vector, payload=payload)
            for point_id, vector, payload in zip(self.ids, rows, payloads, strict=True)
        ]


class Upsert(UpdateBody):
    """The body of `PUT .../points`."""

    points: list[PointJson] | None = None
    batch: BatchJson | None = None
    update_filter: Any = None
    update_mode: Literal["upsert", "insert_only", "update_only"] = "upsert"
    shard_key: Unsupported = None

    @model_validator(mode="after")
    def _list_or_batch(self) -> Self:
        if (self.points is None) == (self.batch is None):
            raise ValueError("either points or batch is needed")
        return self

    def updates(self, schema: CollectionSchema) -> Iterator[Update]:
        given = self.batch.points() if self.batch else self.points or []
        condition = parse_filter(self.update_filter)
        points = [edge.Point(point.id, parse_vectors(point.vector, schema), point.payload) for point in given]
        for step in _steps(points):
            operation = _engine.upsert_points(step, condition=condition, update_mode=_UPDATE_MODES[self.update_mode])
            yield Update(operation, len(step))


class Selection(UpdateBody):
    """Points by id or by filter."""

    points: list[PointId] | None = None
    filter: Any = None
    shard_key: Unsupported = None

    @model_validator(mode="after")
    def _ids_or_filter(self) -> Self:
        if (self.points is None) == (self.filter is None):
            raise ValueError("either points or filter is needed")
        return self

    def select(
        self, by_ids: Callable[..., edge.UpdateOperation], by_filter: Callable[..., edge.UpdateOperation], *rest: Any
    ) -> Iterator[Update]:
        """Give the operation on the chosen points."""
        if self.points is None:
            yield Update(by_filter(parse_filter(self.filter), *rest), 1)
        elif self.points:
            yield Update(by_ids(self.points, *rest), len(self.points))


class Delete(Selection):
    """The body of `POST .../points/delete`."""

    def updates(self, _: CollectionSchema) -> Iterator[Update]:
        return self.select(_engine.delete_points, _engine.delete_points_by_filter)


class ClearPayload(Selection):
    """The body of `POST .../points/payload/clear`."""

    def updates(self, _: CollectionSchema) -> Iterator[Update]:
        return _on_existing(self, self.select(_engine.clear_payload, _engine.clear_payload_by_filter))


class DeletePayload(Selection):
    """The body of `POST .../points/payload/delete`."""

    keys: list[PayloadPath]

    def updates(self, _: CollectionSchema) -> Iterator[Update]:
        chosen = self.select(_engine.delete_payload, _engine.delete_payload_by_filter, self.keys)
        return _on_existing(self, chosen)


class SetPayload(Selection):
    """The body of `POST .../points/payload`."""

    payload: Payload
    key: PayloadPath | None = None

    def updates(self, _: CollectionSchema) -> Iterator[Update]:
        chosen = self.select(_engine.set_payload, _engine.set_payload_by_filter, self.payload, self.key)
        return _on_existing(self, chosen)


class OverwritePayload(SetPayload):
    """The body of `PUT .../points/payload`."""

    def updates(self, _: CollectionSchema) -> Iterator[Update]:
        chosen = self.select(_engine.overwrite_payload, _engine.overwrite_payload_by_filter, self.payload, self.key)
        return _on_existing(self, chosen)


class PointVectorsJson(Body):
    """New vectors of one point."""

    id: PointId
    vector: Any


class UpdateVectors(UpdateBody):
    """The body of `PUT .../points/vectors`."""

    points: list[PointVectorsJson]
    update_filter: Any = None
    shard_key: Unsupported = None

    def updates(self, schema: CollectionSchema) -> Iterator[Update]:
        condition = parse_filter(self.update_filter)
        vectors = [edge.PointVectors(point.id, parse_vectors(point.vector, schema)) for point in self.points]
        needs = tuple(point.id for point in self.points)
        yield Update(_engine.update_vectors(vectors, condition=condition), len(vectors), needs)


class DeleteVectors(Selection):
    """The body of `POST .../points/vectors/delete`."""

    vector: Annotated[list[str], Field(min_length=1)]

    def updates(self, schema: CollectionSchema) -> Iterator[Update]:
        for name in self.vector:
            if name not in schema.vectors and name not in schema.sparse:
                raise InvalidBody(f"vector: Not existing vector name error: {name}")
        chosen = self.select(_engine.delete_vectors, _engine.delete_vectors_by_filter, self.vector)
        return _on_existing(self, chosen)


OPERATIONS: dict[str, type[UpdateBody]] = {
    "upsert": Upsert,
    "delete": Delete,
    "set_payload": SetPayload,
    "overwrite_payload": OverwritePayload,
    "delete_payload": DeletePayload,
    "clear_payload": ClearPayload,
    "update_vectors": UpdateVectors,
    "delete_vectors": DeleteVectors,
}


class Operations(UpdateBody):
    """The body of `POST .../points/batch`."""

    operations: list[dict[str, Any]]

    def updates(self, schema: CollectionSchema) -> Iterator[Update]:
        for operation in self.operations:
            if len(operation) != 1 or not operation.keys() <= OPERATIONS.keys():
                raise InvalidBody(f"operations: each is one of {', '.join(OPERATIONS)}")
            kind, content = next(iter(operation.items()))
            yield from check_shape(OPERATIONS[kind], content).updates(schema)


def parse_updates(body: UpdateBody, schema: CollectionSchema) -> list[Update]:
    """Check the whole body against the collection before anything is applied."""
    with engine_errors():
        return list(body.updates(schema))


def _on_existing(selection: Selection, updates: Iterator[Update]) -> Iterator[Update]:
    needs = tuple(selection.points or ())
    return (Update(update.operation, update.points, needs) for update in updates)


def _steps(points: Sequence[edge.Point]) -> Iterator[list[edge.Point]]:
    return (list(points[start : start + STEP]) for start in range(0, len(points), STEP))


def _rows(vectors: Any, count: int) -> Iterator[Any]:
    if isinstance(vectors, list):
        return iter(vectors)
    if not isinstance(vectors, dict):
        raise InvalidBody("batch.vectors: a list, or an object of lists by vector name, is needed")
    for name, column in vectors.items():
        if not isinstance(column, list) or len(column) != count:
            raise InvalidBody(f"batch.vectors.{name or DEFAULT_VECTOR}: a list of {count} vectors is needed")
    return ({name: column[row] for name, column in vectors.items()} for row in range(count))
