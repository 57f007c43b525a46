"""Qdrant's filter language, read from JSON into the engine's conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import qdrant_edge as edge
from pydantic import TypeAdapter, ValidationError

from aisuite.services.vectordb.errors import BadRequest
from aisuite.services.vectordb.wire import PointId, shorten

# A filter of an update goes into the engine's log, which cannot be read back when nested much deeper.
MAX_DEPTH = 16

_CLAUSES = frozenset({"must", "should", "must_not", "min_should"})
_point_ids: TypeAdapter[list[Any]] = TypeAdapter(list[PointId])

T = TypeVar("T")


class _EngineBool:
    """A bool which the engine takes for one: it reads Python's `True` as the number 1, which no bool equals."""

    def __init__(self, value: bool) -> None:  # noqa: FBT001
        self._value = value

    def __bool__(self) -> bool:
        return self._value


# The one foreign bool that the engine's bindings know, by its name.
_EngineBool.__module__, _EngineBool.__name__, _EngineBool.__qualname__ = "numpy", "bool_", "bool_"


def parse_filter(value: object) -> edge.Filter | None:
    """Read a filter; None means that everything matches."""
    return None if value is None else _filter(value, "filter", MAX_DEPTH)


def parse_narrowing(value: object) -> edge.Filter | None:
    """Read the filter of a search; None also for one without conditions, which the engine would try on every point."""
    condition = parse_filter(value)
    return condition if isinstance(value, dict) and any(value.values()) else None


def _filter(value: object, place: str, levels: int) -> edge.Filter:
    clauses = _object(value, place, _CLAUSES)
    if levels == 0:
        raise BadRequest(f"filter: nested more than {MAX_DEPTH} levels deep")
    return edge.Filter(
        must=_conditions(clauses.get("must"), f"{place}.must", levels),
        should=_conditions(clauses.get("should"), f"{place}.should", levels),
        must_not=_conditions(clauses.get("must_not"), f"{place}.must_not", levels),
        min_should=_min_should(clauses.get("min_should"), f"{place}.min_should", levels),
    )


def _conditions(value: object, place: str, levels: int) -> list[Any] | None:
    if value is None:
        return None
    listed = value if isinstance(value, list) else [value]
    return [_condition(item, f"{place}[{index}]", levels) for index, item in enumerate(listed)]


def _min_should(value: object, place: str, levels: int) -> edge.MinShould | None:
    if value is None:
        return None
    given = _object(value, place, {"conditions", "min_count"})
    conditions = _conditions(given.get("conditions"), f"{place}.conditions", levels)
    return _built(
        place, lambda: edge.MinShould(conditions or [], _integer(given.get("min_count"), f"{place}.min_count"))
    )


def _condition(value: object, place: str, levels: int) -> Any:
    if not isinstance(value, dict):
        raise BadRequest(f"{place}: {shorten(value)} is not a condition")
    if "key" in value:
        return _field(value, place)
    if value.keys() & _CLAUSES or not value:
        return _filter(value, place, levels - 1)
    if len(value) == 1:
        kind, content = next(iter(value.items()))
        if kind == "nested":
            return _nested(content, f"{place}.nested", levels)
        if kind in _PLAIN_CONDITIONS:
            return _built(place, lambda: _PLAIN_CONDITIONS[kind](content, f"{place}.{kind}"))
    raise BadRequest(f"{place}: unknown condition {shorten(value)}")


def _nested(value: object, place: str, levels: int) -> edge.NestedCondition:
    given = _object(value, place, {"key", "filter"})
    inner = _filter(given.get("filter"), f"{place}.filter", levels - 1)
    return _built(place, lambda: edge.NestedCondition(_text(given.get("key"), f"{place}.key"), inner))


def _has_id(value: object, place: str) -> edge.HasIdCondition:
    try:
        return edge.HasIdCondition(set(_point_ids.validate_python(value)))
    except ValidationError as err:
        raise BadRequest(f"{place}: {err.errors(include_url=False)[0]['msg']}") from err


def _payload_key(value: object, place: str) -> str:
    return _text(_object(value, place, {"key"}).get("key"), f"{place}.key")


_PLAIN_CONDITIONS: dict[str, Callable[[object, str], Any]] = {
    "is_empty": lambda value, place: edge.IsEmptyCondition(_payload_key(value, place)),
    "is_null": lambda value, place: edge.IsNullCondition(_payload_key(value, place)),
    "has_id": _has_id,
    "has_vector": lambda value, place: edge.HasVectorCondition(_text(value, place)),
}


def _field(value: Mapping[str, object], place: str) -> edge.FieldCondition:
    given = _object(value, place, {"key", *_FIELD_CONDITIONS})
    kinds = [kind for kind in _FIELD_CONDITIONS if given.get(kind) is not None]
    if len(kinds) != 1:
        raise BadRequest(f"{place}: exactly one of {', '.join(_FIELD_CONDITIONS)} is needed beside the key")
    kind = kinds[0]
    test = _built(f"{place}.{kind}", lambda: _FIELD_CONDITIONS[kind](given[kind], f"{place}.{kind}"))
    return _built(place, lambda: edge.FieldCondition(_text(given["key"], f"{place}.key"), **{kind: test}))


def _match(value: object, place: str) -> Any:
    given = _object(value, place, _MATCHES.keys())
    if len(given) != 1:
        raise BadRequest(f"{place}: exactly one of {', '.join(_MATCHES)} is needed")
    kind, wanted = next(iter(given.items()))
    return _MATCHES[kind](wanted, f"{place}.{kind}")


def _match_value(value: object, place: str) -> edge.MatchValue:
    if isinstance(value, bool):
        return edge.MatchValue(cast("bool", _EngineBool(value)))
    if isinstance(value, str) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return edge.MatchValue(value)
    raise BadRequest(f"{place}: {shorten(value)} is neither a string, a 64-bit integer nor a bool")


def _variants(value: object, place: str) -> list[Any]:
    if isinstance(value, list):
        for kind in (str, int):
            if all(isinstance(item, kind) and not isinstance(item, bool) for item in value):
                return value
    raise BadRequest(f"{place}: a list of strings or a list of integers is needed")


_MATCHES: dict[str, Callable[[object, str], Any]] = {
    "value": _match_value,
    "any": lambda value, place: edge.MatchAny(_variants(value, place)),
    "except": lambda value, place: edge.MatchExcept(_variants(value, place)),
    "text": lambda value, place: edge.MatchText(_text(value, place)),
    "text_any": lambda value, place: edge.MatchTextAny(_text(value, place)),
    "phrase": lambda value, place: edge.MatchPhrase(_text(value, place)),
    "prefix": lambda value, place: edge.MatchPrefix(_text(value, place)),
    "substring": lambda value, place: edge.MatchSubstring(_text(value, place)),
}

_BOUNDS = frozenset({"lt", "gt", "lte", "gte"})


def _range(value: object, place: str) -> Any:
    bounds = {name: bound for name, bound in _object(value, place, _BOUNDS).items() if bound is not None}
    if bounds and all(isinstance(bound, str) for bound in bounds.values()):
        return edge.RangeDateTime(**bounds)
    return edge.RangeFloat(**{name: _number(bound, f"{place}.{name}") for name, bound in bounds.items()})


def _values_count(value: object, place: str) -> edge.ValuesCount:
    bounds = {name: bound for name, bound in _object(value, place, _BOUNDS).items() if bound is not None}
    return edge.ValuesCount(**{name: _integer(bound, f"{place}.{name}") for name, bound in bounds.items()})


def _point(value: object, place: str) -> edge.GeoPoint:
    given = _object(value, place, {"lon", "lat"})
    return edge.GeoPoint(_number(given.get("lon"), f"{place}.lon"), _number(given.get("lat"), f"{place}.lat"))


def _box(value: object, place: str) -> edge.GeoBoundingBox:
    given = _object(value, place, {"top_left", "bottom_right"})
    corners = [_point(given.get(corner), f"{place}.{corner}") for corner in ("top_left", "bottom_right")]
    return edge.GeoBoundingBox(*corners)


def _radius(value: object, place: str) -> edge.GeoRadius:
    given = _object(value, place, {"center", "radius"})
    return edge.GeoRadius(_point(given.get("center"), f"{place}.center"), _number(given.get("radius"), place))


def _polygon(value: object, place: str) -> edge.GeoPolygon:
    given = _object(value, place, {"exterior", "interiors"})
    interiors = given.get("interiors") or []
    if not isinstance(interiors, list):
        raise BadRequest(f"{place}.interiors: a list is needed")
    return edge.GeoPolygon(
        _line(given.get("exterior"), f"{place}.exterior"),
        [_line(line, f"{place}.interiors") for line in interiors],
    )


def _line(value: object, place: str) -> list[edge.GeoPoint]:
    points = _object(value, place, {"points"}).get("points")
    if not isinstance(points, list):
        raise BadRequest(f"{place}.points: a list is needed")
    return [_point(point, f"{place}.points") for point in points]


def _flag(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise BadRequest(f"{place}: true or false is needed")
    return value


_FIELD_CONDITIONS: dict[str, Callable[[object, str], Any]] = {
    "match": _match,
    "range": _range,
    "values_count": _values_count,
    "geo_bounding_box": _box,
    "geo_radius": _radius,
    "geo_polygon": _polygon,
    "is_empty": _flag,
    "is_null": _flag,
}


def _object(value: object, place: str, allowed: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequest(f"{place}: an object is needed, not {shorten(value)}")
    if unknown := sorted(value.keys() - set(allowed)):
        raise BadRequest(f"{place}: unknown key {unknown[0]!r}")
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise BadRequest(f"{place}: a string is needed, not {shorten(value)}")
    return value


def _number(value: object, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"{place}: a number is needed, not {shorten(value)}")
    return float(value)


def _integer(value: object, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise BadRequest(f"{place}: an unsigned integer is needed, not {shorten(value)}")
    return value


def _built(place: str, make: Callable[[], T]) -> T:
    """Report what the engine's constructors refuse: payload paths, dates, coordinates, sizes of numbers."""
    try:
        return make()
    except (ValueError, TypeError, OverflowError) as err:
        raise BadRequest(f"{place}: {str(err).splitlines()[0]}") from err
