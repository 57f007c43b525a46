"""Payload indexes: their parameters between JSON and the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import qdrant_edge as edge
from pydantic import Field

from aisuite.services.vectordb.errors import BadRequest, InvalidBody
from aisuite.services.vectordb.wire import Body, PayloadPath, Unsupported, check_shape, shorten


class IndexParams(Body):
    """What every kind of index can have."""

    type: str
    on_disk: bool | None = None
    enable_hnsw: bool | None = None
    memory: Unsupported = None
    nested: Unsupported = None

    def engine_kwargs(self) -> dict[str, Any]:
        """Give the engine's arguments."""
        return self.model_dump(exclude={"type"}, exclude_none=True)


class TenantIndexParams(IndexParams):
    """keyword and uuid."""

    is_tenant: bool | None = None


class KeywordIndexParams(TenantIndexParams):
    """keyword."""

    prefix: bool | None = None


class PrincipalIndexParams(IndexParams):
    """float and datetime."""

    is_principal: bool | None = None


class IntegerIndexParams(PrincipalIndexParams):
    """integer."""

    lookup: bool | None = None
    range: bool | None = None


class TextIndexParams(IndexParams):
    """text."""

    tokenizer: Literal["prefix", "whitespace", "word", "multilingual"] | None = None
    min_token_len: int | None = Field(default=None, ge=1)
    max_token_len: int | None = Field(default=None, ge=1)
    lowercase: bool | None = None
    ascii_folding: bool | None = None
    phrase_matching: bool | None = None
    stopwords: Unsupported = None
    stemmer: Unsupported = None
    scoring: Unsupported = None

    def engine_kwargs(self) -> dict[str, Any]:
        """Give the engine's arguments."""
        kwargs = super().engine_kwargs()
        if self.tokenizer:
            kwargs["tokenizer"] = getattr(edge.TokenizerType, self.tokenizer.capitalize())
        return kwargs


_KINDS: dict[str, tuple[type[IndexParams], Any, Any]] = {
    "keyword": (KeywordIndexParams, edge.PayloadSchemaType.Keyword, edge.KeywordIndexParams),
    "integer": (IntegerIndexParams, edge.PayloadSchemaType.Integer, edge.IntegerIndexParams),
    "float": (PrincipalIndexParams, edge.PayloadSchemaType.Float, edge.FloatIndexParams),
    "geo": (IndexParams, edge.PayloadSchemaType.Geo, edge.GeoIndexParams),
    "text": (TextIndexParams, edge.PayloadSchemaType.Text, edge.TextIndexParams),
    "bool": (IndexParams, edge.PayloadSchemaType.Bool, edge.BoolIndexParams),
    "datetime": (PrincipalIndexParams, edge.PayloadSchemaType.Datetime, edge.DatetimeIndexParams),
    "uuid": (TenantIndexParams, edge.PayloadSchemaType.Uuid, edge.UuidIndexParams),
}


class CreateIndex(Body):
    """The body of `PUT .../index`."""

    field_name: PayloadPath
    field_schema: Any

    def operation(self) -> edge.UpdateOperation:
        """Make the engine's operation."""
        try:
            return edge.UpdateOperation.create_field_index(self.field_name, _engine_schema(self.field_schema))
        except ValueError as err:
            raise BadRequest(f"field_name: {err}") from err


def drop_index(field_name: str) -> edge.UpdateOperation:
    """Make the engine's operation that removes an index."""
    try:
        return edge.UpdateOperation.delete_field_index(field_name)
    except ValueError as err:
        raise BadRequest(f"field_name: {err}") from err


def indexes_json(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the indexes of a collection."""
    return {field: _index_json(info) for field, info in sorted(schema.items())}


def _engine_schema(value: object) -> Any:
    if isinstance(value, str):
        return _kind(value)[1]
    if not isinstance(value, dict):
        raise InvalidBody(f"field_schema: {shorten(value)} is neither the name of a type nor an object with one")
    shape, _, make = _kind(value.get("type"))
    return make(**check_shape(shape, value).engine_kwargs())


def _kind(name: object) -> tuple[type[IndexParams], Any, Any]:
    if not isinstance(name, str) or name not in _KINDS:
        raise InvalidBody(f"field_schema: {shorten(name)} is not one of {', '.join(_KINDS)}")
    return _KINDS[name]


def _index_json(info: edge.PayloadIndexInfo) -> dict[str, Any]:
    name = next(name for name, (_, kind, _) in _KINDS.items() if kind == info.data_type)
    described: dict[str, Any] = {"data_type": name, "points": info.points}
    if info.params is not None:
        shape = _KINDS[name][0]
        given = {field: getattr(info.params, field, None) for field in shape.model_fields}
        told = {field: _plain(value) for field, value in given.items() if value is not None}
        described["params"] = {"type": name, **told}
    return described


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | str) else repr(value).rpartition(".")[2].lower()
