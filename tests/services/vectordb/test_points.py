"""Points: written, changed and removed; refused as a whole when a part is wrong."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from aisuite.services.vectordb.app import create_app
from aisuite.services.vectordb.settings import VectorDbSettings
from aisuite.services.vectordb.wire import MAX_DEPTH, MAX_PATH_DEPTH

UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
DONE = {"operation_id": None, "status": "completed"}


@pytest.fixture
def hybrid(api: Any) -> Any:
    schema = {"vectors": {"d": {"size": 2, "distance": "Dot"}}, "sparse_vectors": {"s": {}}}
    api.put("/collections/hybrid", schema)
    return api


def payload_of(api: Any, point: int | str, collection: str = "shapes") -> Any:
    return api.get(f"/collections/{collection}/points/{point}")["payload"]


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def test_points_have_numbers_or_uuids_as_ids(shapes: Any) -> None:
    points = [{"id": 2**64 - 1, "vector": [1, 2]}, {"id": UUID.replace("-", ""), "vector": [3, 4]}]
    assert shapes.put("/collections/shapes/points?wait=true", {"points": points}) == DONE
    found = shapes.post("/collections/shapes/points", {"ids": [2**64 - 1, UUID, 77], "with_vector": True})
    assert sorted([point["id"] for point in found], key=str) == [2**64 - 1, UUID]
    assert shapes.get(f"/collections/shapes/points/{UUID}")["vector"] == [3, 4]
    assert "77" in shapes.get("/collections/shapes/points/77", status=404)


def test_points_come_as_rows_or_as_columns(hybrid: Any) -> None:
    columns = {
        "ids": [1, 2],
        "vectors": {"d": [[1, 2], [3, 4]], "s": [{"indices": [7], "values": [1]}, {"indices": [], "values": []}]},
        "payloads": [{"a": 1}, None],
    }
    hybrid.put("/collections/hybrid/points", {"batch": columns})
    rows = [{"id": 3, "vector": {"s": {"indices": [9, 2], "values": [0.5, 2]}}, "payload": {}}]
    hybrid.put("/collections/hybrid/points", {"points": rows})
    first, _, third = (hybrid.get(f"/collections/hybrid/points/{point}") for point in (1, 2, 3))
    assert first["vector"] == {"d": [1, 2], "s": {"indices": [7], "values": [1]}}
    assert first["payload"] == {"a": 1}
    assert third["vector"] == {"s": {"indices": [2, 9], "values": [2, 0.5]}}


@pytest.mark.parametrize(
    ("vector", "complaint"),
    [
        ([1], "expected dim: 2, got 1"),
        ([], "expected dim: 2, got 0"),
        ([1, "x"], "valid number"),
        ([1, None], "valid number"),
        ([1, True], "valid number"),
        ([1, 1e300], "less than or equal"),
        ([[1, 2]], "valid number"),
        ({"other": [1, 2]}, "Not existing vector name error: other"),
        ("text", "neither a list of numbers nor an object"),
        (None, "neither a list of numbers nor an object"),
    ],
)
def test_one_wrong_vector_refuses_the_whole_request(unchanged: Any, vector: Any, complaint: str) -> None:
    points = [{"id": 10, "vector": [1, 2]}, {"id": 11, "vector": vector}]
    assert complaint in unchanged.put("/collections/shapes/points", {"points": points}, status=400)
    assert unchanged.count("shapes") == 3


@pytest.mark.parametrize(
    ("sparse", "complaint"),
    [
        ({"indices": [1, 1], "values": [1, 2]}, "unique"),
        ({"indices": [1], "values": []}, "1 indices, but 0 values"),
        ({"indices": [-1], "values": [1]}, "greater than or equal"),
        ({"indices": [2**32], "values": [1]}, "less than or equal"),
        ({"indices": [1]}, "values"),
    ],
)
def test_a_wrong_sparse_vector_is_refused(hybrid: Any, sparse: Any, complaint: str) -> None:
    points = [{"id": 1, "vector": {"s": sparse}}]
    assert complaint in hybrid.put("/collections/hybrid/points", {"points": points}, status=422)


def test_vectors_made_by_inference_are_not_supported(unchanged: Any) -> None:
    points = [{"id": 1, "vector": {"": {"text": "hello", "model": "bm25"}}}]
    assert "inference" in unchanged.put("/collections/shapes/points", {"points": points}, status=501)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"points": [], "batch": {"ids": [], "vectors": []}},
        {"points": [{"id": -1, "vector": [1, 2]}]},
        {"points": [{"id": 1.0, "vector": [1, 2]}]},
        {"points": [{"id": True, "vector": [1, 2]}]},
        {"points": [{"id": 2**64, "vector": [1, 2]}]},
        {"points": [{"id": "no uuid", "vector": [1, 2]}]},
        {"points": [{"id": 1}]},
        {"points": [{"id": 1, "vector": [1, 2], "payload": [1]}]},
        {"points": [{"id": 1, "vector": [1, 2], "colour": 1}]},
        {"batch": {"ids": [1, 2], "vectors": [[1, 2]]}},
        {"batch": {"ids": [1], "vectors": {"": [[1, 2], [3, 4]]}}},
        {"batch": {"ids": [1], "vectors": [[1, 2]], "payloads": []}},
        {"points": [{"id": 1, "vector": [1, 2]}], "update_mode": "maybe"},
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(unchanged: Any, body: Any) -> None:
    assert "Validation error in JSON body" in unchanged.put("/collections/shapes/points", body, status=422)


@pytest.mark.parametrize("raw", [b"", b"{", b'{"points": NaN}', b'"\\ud800"', b"[" * 5000, b"\xff", b"{} {}"])
def test_what_is_not_json_is_refused(unchanged: Any, raw: bytes) -> None:
    response = unchanged.client.put("/collections/shapes/points", content=raw)
    assert response.status_code == 400
    assert response.json()["status"]["error"].startswith("Format error in JSON body: ")


def test_shard_keys_are_not_supported(unchanged: Any) -> None:
    body = {"points": [{"id": 1, "vector": [1, 2]}], "shard_key": "a"}
    assert "shard_key" in unchanged.put("/collections/shapes/points", body, status=501)


def test_a_payload_too_deep_for_the_engine_is_refused(unchanged: Any) -> None:
    body = {"points": [{"id": 1, "vector": [1, 2], "payload": nested(MAX_DEPTH + 1)}]}
    assert f"{MAX_DEPTH} levels" in unchanged.put("/collections/shapes/points", body, status=422)
    path = ".".join("a" * (MAX_PATH_DEPTH + 1))
    body = {"payload": {}, "points": [1], "key": path}
    assert f"{MAX_PATH_DEPTH} parts" in unchanged.post("/collections/shapes/points/payload", body, status=422)


def test_the_deepest_payload_at_the_deepest_path_is_readable_after_a_restart(settings: VectorDbSettings) -> None:
    headers = {"api-key": "a-key-for-tests"}
    body = {"payload": nested(MAX_DEPTH), "points": [1], "key": ".".join("a" * MAX_PATH_DEPTH)}
    app = create_app(settings)
    with TestClient(app, headers=headers) as client:
        client.put("/collections/deep", json={"vectors": {"size": 1, "distance": "Dot"}})
        client.put("/collections/deep/points", json={"points": [{"id": 1, "vector": [1]}]})
        assert client.post("/collections/deep/points/payload", json=body).status_code == 200
        before = client.get("/collections/deep/points/1").json()["result"]
    with TestClient(create_app(settings), headers=headers) as client:
        assert client.get("/collections/deep/points/1").json()["result"] == before


def test_an_infinite_number_in_a_payload_is_refused(unchanged: Any) -> None:
    raw = b'{"points": [{"id": 1, "vector": [1, 2], "payload": {"n": [1e999]}}]}'
    assert unchanged.client.put("/collections/shapes/points", content=raw).status_code == 422


def test_payloads_are_set_merged_overwritten_trimmed_and_cleared(shapes: Any) -> None:
    base = "/collections/shapes/points/payload"
    assert shapes.post(base, {"payload": {"new": 1}, "points": [1]}) == DONE
    assert payload_of(shapes, 1) == {"form": "square", "size": 1, "hollow": True, "new": 1}
    shapes.post(base, {"payload": {"deep": 1}, "points": [1], "key": "a.b"})
    assert payload_of(shapes, 1)["a"] == {"b": {"deep": 1}}
    shapes.put(base, {"payload": {"only": 1}, "filter": {"must": [{"has_id": [2]}]}})
    assert payload_of(shapes, 2) == {"only": 1}
    shapes.post(f"{base}/delete", {"keys": ["form", "a"], "points": [1]})
    assert payload_of(shapes, 1) == {"size": 1, "hollow": True, "new": 1}
    shapes.post(f"{base}/clear", {"points": [1, 3]})
    assert payload_of(shapes, 1) in ({}, None)
    assert payload_of(shapes, 2) == {"only": 1}


def test_points_are_deleted_by_id_or_by_filter(shapes: Any) -> None:
    square = {"must": [{"key": "form", "match": {"value": "square"}}]}
    shapes.post("/collections/shapes/points/delete", {"points": [2, 99]})
    assert shapes.count("shapes") == 2
    shapes.post("/collections/shapes/points/delete", {"filter": square})
    assert shapes.count("shapes") == 0
    assert "either points or filter" in shapes.post("/collections/shapes/points/delete", {}, status=422)


def test_vectors_are_replaced_and_removed(hybrid: Any) -> None:
    vector = {"d": [1, 2], "s": {"indices": [1], "values": [1]}}
    hybrid.put("/collections/hybrid/points", {"points": [{"id": 1, "vector": vector, "payload": {"a": 1}}]})
    hybrid.put("/collections/hybrid/points/vectors", {"points": [{"id": 1, "vector": {"d": [3, 4]}}]})
    hybrid.post("/collections/hybrid/points/vectors/delete", {"points": [1], "vector": ["s"]})
    assert hybrid.get("/collections/hybrid/points/1") == {"id": 1, "payload": {"a": 1}, "vector": {"d": [3, 4]}}
    body = {"points": [1], "vector": ["nothing"]}
    assert "nothing" in hybrid.post("/collections/hybrid/points/vectors/delete", body, status=422)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "payload", {"payload": {"a": 1}}),
        ("PUT", "payload", {"payload": {"a": 1}}),
        ("POST", "payload/delete", {"keys": ["form"]}),
        ("POST", "payload/clear", {}),
    ],
)
def test_a_change_of_a_missing_point_changes_no_other(unchanged: Any, method: str, path: str, body: Any) -> None:
    before = payload_of(unchanged, 1)
    refused = unchanged.ask(method, f"/collections/shapes/points/{path}", body | {"points": [1, 999]}, 404)
    assert "No point with id 999 found" in refused
    assert payload_of(unchanged, 1) == before


def test_an_upsert_can_be_conditional(shapes: Any) -> None:
    newer = {"id": 1, "vector": [5, 5], "payload": {"v": 2}}
    never = {"must": [{"key": "v", "match": {"value": 7}}]}
    shapes.put("/collections/shapes/points", {"points": [newer], "update_filter": never})
    shapes.put("/collections/shapes/points", {"points": [newer], "update_mode": "insert_only"})
    assert payload_of(shapes, 1)["form"] == "square"
    shapes.put("/collections/shapes/points", {"points": [newer], "update_mode": "update_only"})
    assert payload_of(shapes, 1) == {"v": 2}


def test_a_batch_of_operations_is_done_in_order(shapes: Any) -> None:
    operations = [
        {"upsert": {"points": [{"id": 9, "vector": [1, 1]}]}},
        {"set_payload": {"payload": {"a": 1, "b": 2}, "points": [9]}},
        {"overwrite_payload": {"payload": {"a": 1, "c": 3}, "points": [9]}},
        {"delete_payload": {"keys": ["a"], "points": [9]}},
        {"update_vectors": {"points": [{"id": 9, "vector": [7, 7]}]}},
        {"clear_payload": {"points": [1]}},
        {"delete": {"points": [2]}},
    ]
    assert shapes.post("/collections/shapes/points/batch", {"operations": operations}) == [DONE] * 7
    assert shapes.get("/collections/shapes/points/9") == {"id": 9, "payload": {"c": 3}, "vector": [7, 7]}
    assert shapes.count("shapes") == 3


def test_a_batch_with_one_wrong_operation_does_nothing(unchanged: Any) -> None:
    for wrong in ({"upsert": {"points": [{"id": 1, "vector": [1]}]}}, {"explode": {}}, {}, {"delete": {}}):
        operations = [{"delete": {"points": [1]}}, wrong]
        response = unchanged.client.post("/collections/shapes/points/batch", json={"operations": operations})
        assert response.status_code in {400, 422}
        assert unchanged.count("shapes") == 3


def test_payload_keys_are_indexed_and_the_index_dropped(shapes: Any) -> None:
    text = {"type": "text", "tokenizer": "word", "lowercase": True, "min_token_len": 2}
    for field, schema in (("form", "keyword"), ("size", {"type": "integer", "range": True}), ("note", text)):
        assert shapes.put("/collections/shapes/index", {"field_name": field, "field_schema": schema}) == DONE
    told = shapes.get("/collections/shapes")["payload_schema"]
    assert told["form"] == {"data_type": "keyword", "points": 3}
    assert told["size"]["params"] == {"type": "integer", "range": True}
    assert told["note"]["params"] == text
    shapes.delete("/collections/shapes/index/form")
    assert shapes.get("/collections/shapes")["payload_schema"].keys() == {"size", "note"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"field_name": "a", "field_schema": "number"}, 422),
        ({"field_name": "a", "field_schema": {"type": "text", "tokenizer": "magic"}}, 422),
        ({"field_name": "a", "field_schema": {"type": "text", "stemmer": {"type": "snowball"}}}, 501),
        ({"field_name": "a", "field_schema": None}, 422),
        ({"field_name": "a[[", "field_schema": "keyword"}, 400),
        ({"field_name": "", "field_schema": "keyword"}, 400),
    ],
)
def test_a_wrong_index_is_refused(unchanged: Any, body: Any, status: int) -> None:
    unchanged.put("/collections/shapes/index", body, status=status)
    assert unchanged.get("/collections/shapes")["payload_schema"] == {}


def test_writes_to_an_unknown_collection_are_refused(api: Any) -> None:
    body = {"points": [{"id": 1, "vector": [1, 2]}]}
    assert "`nowhere` doesn't exist" in api.put("/collections/nowhere/points", body, status=404)
