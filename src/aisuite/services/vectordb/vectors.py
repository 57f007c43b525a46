"""Vectors between JSON and the engine; all are checked before the engine sees any.

The engine logs an update before it fails on a wrong vector, and applies the rest of it after a restart.
"""

from __future__ import annotations

from typing import Annotated, Any

import qdrant_edge as edge
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from aisuite.services.vectordb.errors import BadRequest, NotSupported
from aisuite.services.vectordb.schema import DEFAULT_VECTOR, CollectionSchema, VectorParams
from aisuite.services.vectordb.wire import Body, check_shape, shorten

# Above this a score can leave the range of 32-bit numbers, and infinity has no JSON.
LARGEST = 1e15

Component = Annotated[float, Field(strict=True, ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
_INFERENCE_KEYS = frozenset({"text", "image", "object", "model"})

Vector = list[float] | list[list[float]] | edge.SparseVector


class SparseJson(Body):
    """A sparse vector as clients send it."""

    indices: list[Annotated[int, Field(ge=0, le=2**32 - 1)]]
    values: list[Component]

    @model_validator(mode="after")
    def _pairs(self) -> SparseJson:
        if len(self.indices) != len(self.values):
            raise ValueError(f"{len(self.indices)} indices, but {len(self.values)} values")
        if len(set(self.indices)) != len(self.indices):
            raise ValueError("indices must be unique")
        return self


_dense: TypeAdapter[list[float]] = TypeAdapter(list[Component])
_multi: TypeAdapter[list[list[float]]] = TypeAdapter(list[list[Component]])


def parse_vectors(value: object, schema: CollectionSchema) -> dict[str, Vector]:
    """Read the vectors of a point: one for the unnamed vector, or an object by name."""
    if isinstance(value, list):
        return {DEFAULT_VECTOR: parse_vector(value, DEFAULT_VECTOR, schema)}
    if not isinstance(value, dict):
        raise BadRequest(f"vector: {shorten(value)} is neither a list of numbers nor an object by vector name")
    return {name: parse_vector(vector, name, schema) for name, vector in value.items()}


def parse_vector(value: object, name: str, schema: CollectionSchema) -> Vector:
    """Read one vector and check it against the collection."""
    if isinstance(value, dict) and _INFERENCE_KEYS & value.keys():
        raise NotSupported("inference (documents, images and objects as vectors)")
    if name in schema.sparse:
        return _parse_sparse(value, name)
    if name not in schema.vectors:
        raise BadRequest(f"Not existing vector name error: {name}")
    return _parse_dense(value, name, schema.vectors[name])


def vectors_json(vector: Any) -> Any:
    """Show what the engine gives for a point's vectors."""
    if isinstance(vector, edge.SparseVector):
        return {"indices": vector.indices, "values": vector.values}
    if isinstance(vector, dict):
        return {name: vectors_json(part) for name, part in vector.items()}
    return vector


def _parse_sparse(value: object, name: str) -> edge.SparseVector:
    if not isinstance(value, dict):
        raise BadRequest(f"vector `{name}` is sparse: an object with indices and values is needed")
    sparse = check_shape(SparseJson, value)
    return edge.SparseVector(sparse.indices, sparse.values)


def _parse_dense(value: object, name: str, params: VectorParams) -> list[float] | list[list[float]]:
    if isinstance(value, dict):
        raise BadRequest(f"vector `{name}` is dense: a list of numbers is needed")
    try:
        if params.multivector_config and _is_list_of_lists(value):
            rows = _multi.validate_python(value)
            for row in rows:
                _check_dimension(row, params)
            return rows
        row = _dense.validate_python(value)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadRequest(f"vector `{name}`: {place or 'it'}: {first['msg']}") from err
    _check_dimension(row, params)
    return [row] if params.multivector_config else row


def _is_list_of_lists(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], list)


def _check_dimension(row: list[float], params: VectorParams) -> None:
    if len(row) != params.size:
        raise BadRequest(f"Vector dimension error: expected dim: {params.size}, got {len(row)}")
