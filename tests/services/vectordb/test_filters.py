"""The filter language: the engine's answer is the one that plain Python gives, and nonsense is refused."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as edge
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from aisuite.services.vectordb.errors import BadRequest
from aisuite.services.vectordb.filters import MAX_DEPTH, parse_filter, parse_narrowing

Json = Any

WORDS = ["red", "green", "blue", "파랑"]
RECORDS: list[dict[str, Json]] = [
    {},
    {"n": 0, "w": "red", "b": True},
    {"n": 1, "w": "green", "b": False, "t": None},
    {"n": 1.5, "w": ["red", "blue"], "t": "2024-01-01T00:00:00Z"},
    {"n": -3, "w": "파랑", "b": True, "t": []},
    {"n": [2, 9], "w": [], "t": "2024-06-01T12:00:00+09:00"},
    {"n": 100, "w": "blue", "items": [{"k": 1, "v": 2}, {"k": 3, "v": 4}]},
    {"w": {"n": 1}, "items": [{"k": 1, "v": 4}]},
]


@pytest.fixture(scope="module")
def matching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Json], set[int]]]:
    folder: Path = tmp_path_factory.mktemp("filters") / "shard"
    shard = edge.EdgeShard.create(str(folder), edge.EdgeConfig(vectors=edge.EdgeVectorParams(1, edge.Distance.Dot)))
    points = [edge.Point(number, [1.0], payload) for number, payload in enumerate(RECORDS)]
    shard.update(edge.UpdateOperation.upsert_points(points))

    def find(condition: Json) -> set[int]:
        request = edge.ScrollRequest(limit=100, filter=parse_filter(condition))
        return {int(str(record.id)) for record in shard.scroll(request)[0]}

    yield find
    shard.close()


def values(payload: dict[str, Json], key: str) -> list[Json]:
    value = payload.get(key)
    return value if isinstance(value, list) else [value]


def field_holds(payload: dict[str, Json], condition: dict[str, Json]) -> bool:
    held = values(payload, condition["key"])
    if "range" in condition:
        bounds = condition["range"]
        numbers = [value for value in held if isinstance(value, int | float) and not isinstance(value, bool)]
        return any(
            number >= bounds.get("gte", number)
            and number <= bounds.get("lte", number)
            and ("gt" not in bounds or number > bounds["gt"])
            and ("lt" not in bounds or number < bounds["lt"])
            for number in numbers
        )
    kind, wanted = next(iter(condition["match"].items()))
    if kind == "value":
        return any(type(value) is type(wanted) and value == wanted for value in held)
    return any(isinstance(value, str) and value in wanted for value in held)


def holds(payload: dict[str, Json], number: int, condition: dict[str, Json]) -> bool:
    if "key" in condition:
        return field_holds(payload, condition)
    if "has_id" in condition:
        return number in condition["has_id"]
    inner = {name: [holds(payload, number, part) for part in listed] for name, listed in condition.items()}
    return (
        all(inner.get("must", []))
        and not any(inner.get("must_not", []))
        and (any(inner["should"]) if inner.get("should") else True)
    )


matches = st.one_of(
    st.fixed_dictionaries({"value": st.one_of(st.sampled_from(WORDS), st.integers(-3, 3), st.booleans())}),
    st.fixed_dictionaries({"any": st.lists(st.sampled_from(WORDS), min_size=1)}),
)
bounds = st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), st.integers(-5, 10) | st.just(1.5), min_size=1)
fields = st.one_of(
    st.fixed_dictionaries({"key": st.sampled_from(["n", "w", "b"]), "match": matches}),
    st.fixed_dictionaries({"key": st.sampled_from(["n", "w"]), "range": bounds}),
    st.fixed_dictionaries({"has_id": st.lists(st.integers(0, 9))}),
)
filters = st.recursive(
    st.fixed_dictionaries({"must": st.lists(fields, max_size=2)}),
    lambda inner: st.dictionaries(
        st.sampled_from(["must", "should", "must_not"]), st.lists(fields | inner, max_size=3), min_size=1
    ),
    max_leaves=6,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(filters)
def test_a_filter_selects_what_plain_python_selects(matching: Callable[[Json], set[int]], condition: Json) -> None:
    expected = {number for number, payload in enumerate(RECORDS) if holds(payload, number, condition)}
    assert matching(condition) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (None, set(range(8))),
        ({}, set(range(8))),
        ({"must": {"key": "b", "match": {"value": True}}}, {1, 4}),
        ({"must": [{"key": "b", "match": {"value": False}}]}, {2}),
        ({"must": [{"key": "w", "match": {"except": ["red", "blue"]}}]}, {2, 4, 7}),
        ({"must": [{"key": "w", "match": {"prefix": "gr"}}]}, {2}),
        ({"must": [{"key": "w", "match": {"substring": "ree"}}]}, {2}),
        ({"must": [{"key": "w", "match": {"text": "green"}}]}, {2}),
        ({"must": [{"key": "t", "range": {"gte": "2024-06-01T03:00:00Z", "lt": "2025-01-01"}}]}, {5}),
        ({"must": [{"is_null": {"key": "t"}}]}, {2}),
        ({"must_not": [{"is_empty": {"key": "n"}}]}, {1, 2, 3, 4, 5, 6}),
        ({"must": [{"key": "n", "values_count": {"gte": 2}}]}, {5}),
        ({"must": [{"has_id": [0, 7, 55]}]}, {0, 7}),
        ({"must": [{"has_vector": ""}, {"has_id": [1]}]}, {1}),
        ({"min_should": {"conditions": [{"has_id": [1, 2]}, {"has_id": [2, 3]}], "min_count": 2}}, {2}),
        (
            {
                "must": [
                    {
                        "nested": {
                            "key": "items",
                            "filter": {
                                "must": [{"key": "k", "match": {"value": 1}}, {"key": "v", "match": {"value": 4}}]
                            },
                        }
                    }
                ]
            },
            {7},
        ),
        ({"must": [{"key": "items[].v", "match": {"value": 4}}]}, {6, 7}),
    ],
)
def test_each_kind_of_condition_works(
    matching: Callable[[Json], set[int]], condition: Json, expected: set[int]
) -> None:
    assert matching(condition) == expected


@pytest.mark.parametrize(
    "shape",
    [
        {"geo_radius": {"center": {"lon": 126.98, "lat": 37.57}, "radius": 1000}},
        {"geo_bounding_box": {"top_left": {"lon": 126, "lat": 38}, "bottom_right": {"lon": 127, "lat": 37}}},
        {"geo_polygon": {"exterior": {"points": [{"lon": x, "lat": y} for x, y in ((0, 0), (1, 0), (1, 1), (0, 0))]}}},
    ],
)
def test_geographic_conditions_are_understood(matching: Callable[[Json], set[int]], shape: Json) -> None:
    assert matching({"must": [{"key": "place", **shape}]}) == set()


@pytest.mark.parametrize(
    ("condition", "complaint"),
    [
        ([], "filter: an object is needed"),
        ({"most": []}, "filter: unknown key 'most'"),
        ({"must": [{"key": "a"}]}, r"filter.must\[0\]: exactly one of match, range"),
        ({"must": [{"key": "a", "match": {"value": 1}, "range": {}}]}, "exactly one of"),
        ({"must": [{"key": "a", "match": {"value": 1.5}}]}, "neither a string, a 64-bit integer nor a bool"),
        ({"must": [{"key": "a", "match": {"value": 1, "text": "x"}}]}, "exactly one of value, any"),
        ({"must": [{"key": "a", "match": {"any": ["x", 1]}}]}, "list of strings or a list of integers"),
        ({"must": [{"key": "a", "match": {"value": 2**63}}]}, "64-bit integer"),
        ({"must": [{"key": "a", "range": {"gte": "soon"}}]}, "date"),
        ({"must": [{"key": "a", "range": {"gte": 1, "lt": "2024-01-01"}}]}, "number is needed"),
        ({"must": [{"key": "a[[", "match": {"value": 1}}]}, "JSON path"),
        ({"must": [{"key": 1, "match": {"value": 1}}]}, "string is needed"),
        ({"must": [{"has_id": ["x"]}]}, "not a point id"),
        ({"must": [{"has_id": 1}]}, "has_id"),
        ({"must": [{"is_empty": "a"}]}, "object is needed"),
        ({"must": ["a"]}, "is not a condition"),
        ({"must": [{"unheard": 1}]}, "unknown condition"),
        ({"must": [{"nested": {"key": "a"}}]}, "object is needed"),
        ({"min_should": {"conditions": []}}, "unsigned integer"),
        ({"must": [{"key": "a", "geo_radius": {"center": {"lon": 999, "lat": 0}, "radius": 1}}]}, "lon"),
        ({"must": [{"key": "a", "is_null": 1}]}, "true or false"),
    ],
)
def test_a_wrong_filter_is_refused_with_its_place(condition: Json, complaint: str) -> None:
    with pytest.raises(BadRequest, match=complaint):
        parse_filter(condition)


def test_a_filter_nested_without_end_is_refused() -> None:
    condition: Json = {"must": []}
    for _ in range(MAX_DEPTH - 1):
        condition = {"must": [condition]}
    assert parse_filter(condition) is not None
    with pytest.raises(BadRequest, match="nested more than"):
        parse_filter({"must": [condition]})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
WORDS_OF_THE_LANGUAGE = (
    "must should must_not min_should conditions min_count key match value any except text range gte lt values_count "
    "geo_radius geo_polygon center radius lon lat is_empty is_null has_id has_vector nested filter points exterior"
)
vocabulary = st.sampled_from(WORDS_OF_THE_LANGUAGE.split())

near_filters = st.recursive(
    json_values,
    lambda inner: st.dictionaries(vocabulary, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=12,
)


@hypothesis_settings(max_examples=300, deadline=None)
@given(st.dictionaries(vocabulary, near_filters, max_size=3) | near_filters)
def test_any_json_is_a_filter_or_is_refused(value: Json) -> None:
    try:
        parsed = parse_filter(value)
    except BadRequest:
        parsed = value
    assert (parsed is None) == (value is None)


@pytest.mark.parametrize("value", [None, {}, {"must": []}, {"must": [], "should": None, "must_not": []}])
def test_a_filter_without_conditions_is_not_tried_on_every_point(value: Json) -> None:
    assert parse_narrowing(value) is None


def test_a_filter_with_conditions_narrows_and_a_wrong_one_is_refused() -> None:
    assert parse_narrowing({"must": [], "must_not": [{"key": "w", "match": {"value": "red"}}]}) is not None
    with pytest.raises(BadRequest, match="filter"):
        parse_narrowing({"musst": []})
