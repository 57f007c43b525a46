"""Queries and other reads, over HTTP and in process."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

QUERY = "/collections/shapes/points/query"


def ids(found: Any) -> list[Any]:
    return [point["id"] for point in found["points"]]


@pytest.fixture(scope="module")
def library(unchanged: Any) -> Any:
    """Twelve books with dense and sparse vectors; odd ones are old."""
    schema = {
        "vectors": {"d": {"size": 2, "distance": "Cosine"}},
        "sparse_vectors": {"s": {"modifier": "idf"}},
    }
    unchanged.put("/collections/library", schema)
    points = [
        {
            "id": number,
            "vector": {"d": [12 - number, number], "s": {"indices": [number % 3, 9], "values": [1, 0.1]}},
            "payload": {"author": f"a{number % 4}", "year": 2000 + number, "old": number % 2 == 1, "tags": ["x", "y"]},
        }
        for number in range(1, 13)
    ]
    unchanged.put("/collections/library/points", {"points": points})
    for field, kind in (("author", "keyword"), ("year", "integer")):
        unchanged.put("/collections/library/index", {"field_name": field, "field_schema": kind})
    return unchanged


def find(api: Any, status: int = 200, **body: Any) -> Any:
    return api.post("/collections/library/points/query", body, status=status)


def test_the_nearest_come_first_with_their_scores(unchanged: Any) -> None:
    found = unchanged.post(QUERY, {"query": [2, 1], "limit": 2})["points"]
    assert [(point["id"], point["score"]) for point in found] == [(3, 3), (1, 2)]
    assert found[0].keys() == {"id", "version", "score", "payload"}
    assert found[0]["payload"] is None


def test_limit_offset_threshold_and_filter_narrow_the_result(unchanged: Any) -> None:
    assert ids(unchanged.post(QUERY, {"query": [2, 1], "limit": 1, "offset": 1})) == [1]
    assert ids(unchanged.post(QUERY, {"query": [2, 1], "offset": 50})) == []
    assert ids(unchanged.post(QUERY, {"query": [2, 1], "score_threshold": 1.5})) == [3, 1]
    circle = {"must": [{"key": "form", "match": {"value": "circle"}}]}
    assert ids(unchanged.post(QUERY, {"query": [2, 1], "filter": circle})) == [2]
    assert ids(unchanged.post(QUERY, {"query": [2, 1], "limit": 2**62})) == [3, 1, 2]
    assert ids(unchanged.post(QUERY, {"query": [2, 1], "params": {"exact": True, "hnsw_ef": 5}})) == [3, 1, 2]


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        (True, {"form", "size", "hollow"}),
        (["form"], {"form"}),
        ({"include": ["form", "size"]}, {"form", "size"}),
        ({"exclude": ["form"]}, {"size", "hollow"}),
    ],
)
def test_only_the_wanted_payload_is_given(unchanged: Any, wanted: Any, keys: set[str]) -> None:
    found = unchanged.post(QUERY, {"query": [1, 0], "with_payload": wanted, "filter": {"must": [{"has_id": [1]}]}})
    assert found["points"][0]["payload"].keys() == keys


def test_vectors_are_given_only_when_wanted(library: Any) -> None:
    near = {"nearest": [1, 2], "mmr": {"diversity": 0.5}}
    assert "vector" not in find(library, query=near, using="d")["points"][0]
    assert find(library, query=[1, 2], using="d", with_vector=["d"])["points"][0]["vector"].keys() == {"d"}
    assert find(library, query=[1, 2], using="d", with_vector=True)["points"][0]["vector"].keys() == {"d", "s"}


def test_a_sparse_query_weighs_rare_words_more(library: Any) -> None:
    found = find(library, query={"indices": [1, 9], "values": [1, 1]}, using="s", limit=4)
    assert sorted(ids(found)) == [1, 4, 7, 10]


def test_dense_and_sparse_results_are_fused(library: Any) -> None:
    prefetch = [
        {"query": [0, 1], "using": "d", "limit": 3},
        {
            "query": {"indices": [0], "values": [1]},
            "using": "s",
            "limit": 4,
            "filter": {"must_not": [{"has_id": [12]}]},
        },
    ]
    for fusion in ({"fusion": "rrf"}, {"fusion": "dbsf"}, {"rrf": {"k": 10}}, {"rrf": {"weights": [1, 2]}}):
        fused = ids(find(library, prefetch=prefetch, query=fusion))
        assert set(fused) == {12, 11, 10, 9, 6, 3}, fusion


def test_reciprocal_rank_fusion_has_the_scores_of_its_formula(library: Any) -> None:
    prefetch = [{"query": [0, 1], "using": "d", "limit": 2}, {"query": [1, 0], "using": "d", "limit": 2}]
    found = find(library, prefetch=prefetch, query={"fusion": "rrf"})["points"]
    assert sorted(point["score"] for point in found) == pytest.approx([1 / 3, 1 / 3, 1 / 2, 1 / 2])


def test_a_prefetch_is_rescored_by_the_query_above_it(library: Any) -> None:
    prefetch = {"prefetch": {"query": [0, 1], "using": "d", "limit": 5}, "query": [1, 0], "using": "d", "limit": 3}
    assert ids(find(library, prefetch=prefetch, query=[0, 1], using="d")) == [10, 9, 8]


def test_a_point_stands_for_its_vector_and_is_not_its_own_result(library: Any) -> None:
    assert ids(find(library, query=6, using="d", limit=2)) in ([7, 5], [5, 7])
    assert "No point with id 999" in find(library, status=404, query=999, using="d")
    lookup = {"collection": "shapes", "vector": ""}
    assert ids(find(library, query=2, using="d", lookup_from=lookup, limit=1)) == [12]


def test_examples_recommend_discover_and_set_a_context(library: Any) -> None:
    for strategy in (None, "average_vector", "best_score", "sum_scores"):
        query = {"recommend": {"positive": [11], "negative": [[1, 0]], "strategy": strategy}}
        assert ids(find(library, query=query, using="d", limit=1)) == [12]
    pair = {"positive": [0, 1], "negative": [1, 0]}
    assert 12 in ids(find(library, query={"discover": {"target": [0, 1], "context": [pair]}}, using="d", limit=3))
    assert len(ids(find(library, query={"context": pair}, using="d"))) == 10


def test_results_are_ordered_by_a_payload_key(library: Any) -> None:
    found = find(library, query={"order_by": {"key": "year", "direction": "desc"}}, limit=3)
    assert ids(found) == [12, 11, 10]
    assert found["points"][0]["order_value"] == 2012
    assert len(ids(find(library, query={"sample": "random"}, limit=5))) == 5


def test_a_query_without_query_lists_points(library: Any) -> None:
    assert ids(find(library, filter={"must": [{"key": "old", "match": {"value": True}}]})) == [1, 3, 5, 7, 9, 11]


def test_several_queries_are_answered_at_once_and_in_order(unchanged: Any) -> None:
    searches = [{"query": [1, 0], "limit": 1, "with_payload": True}, {"query": [0, 1], "limit": 2}]
    found = unchanged.post(f"{QUERY}/batch", {"searches": searches})
    assert [len(answer["points"]) for answer in found] == [1, 2]
    assert found[0]["points"][0]["payload"] is not None
    assert unchanged.post(f"{QUERY}/batch", {"searches": []}) == []


@pytest.mark.parametrize(
    ("body", "status", "complaint"),
    [
        ({"query": [1]}, 400, "expected dim: 2, got 1"),
        ({"query": [1, 2], "using": "other"}, 400, "Not existing vector name error: other"),
        ({"query": {"indices": [1], "values": [1]}}, 400, "is dense"),
        ({"query": {"unheard": 1}}, 400, "unknown kind"),
        ({"query": {"nearest": [1, 2], "sideways": 1}}, 400, "unknown key 'sideways'"),
        ({"query": {"fusion": "rrf"}}, 400, "without prefetches"),
        ({"query": {"fusion": "magic"}}, 400, "neither rrf nor dbsf"),
        ({"query": {"rrf": {"k": 0}}}, 422, "k"),
        ({"query": {"sample": "first"}}, 400, "random"),
        ({"query": {"order_by": "size"}}, 400, "index"),
        ({"query": {"recommend": {"negative": [1]}}}, 400, "positive"),
        ({"query": {"formula": {"mult": [1, "$score"]}}}, 501, "formula"),
        ({"query": {"text": "hello", "model": "bm25"}}, 501, "inference"),
        ({"query": [1, 2], "params": {"acorn": {"enable": True}}}, 501, "acorn"),
        ({"query": [1, 2], "shard_key": "a"}, 501, "shard_key"),
        ({"query": [1, 2], "limit": 0}, 422, "limit"),
        ({"query": [1, 2], "offset": -1}, 422, "offset"),
        ({"query": [1, 2], "with_payload": 3}, 400, "with_payload"),
        ({"query": [1, 2], "with_vector": {"a": 1}}, 400, "with_vector"),
        ({"query": [1, 2], "filter": {"must": 3}}, 400, "not a condition"),
        ({"query": 1, "lookup_from": {"collection": "nowhere"}}, 404, "`nowhere` doesn't exist"),
        ({"query": [1, 2], "prefetch": {"query": [1, 2], "limit": -1}}, 422, "limit"),
    ],
)
def test_a_wrong_or_unsupported_query_is_refused(unchanged: Any, body: Any, status: int, complaint: str) -> None:
    assert complaint in unchanged.post(QUERY, body, status=status)


def test_prefetches_nested_without_end_are_refused(unchanged: Any) -> None:
    body: dict[str, Any] = {"query": [1, 2]}
    for _ in range(12):
        body = {"prefetch": body, "query": [1, 2]}
    assert "nested more than" in unchanged.post(QUERY, body, status=400)


def test_groups_hold_the_best_of_each_key(library: Any) -> None:
    body = {"query": [0, 1], "using": "d", "group_by": "author", "limit": 3, "group_size": 2, "with_payload": ["year"]}
    groups = library.post("/collections/library/points/query/groups", body)["groups"]
    assert [(group["id"], [hit["id"] for hit in group["hits"]]) for group in groups] == [
        ("a0", [12, 8]),
        ("a3", [11, 7]),
        ("a2", [10, 6]),
    ]
    assert groups[0]["hits"][0]["payload"] == {"year": 2012}
    assert "vector" not in groups[0]["hits"][0]


def test_a_point_with_several_values_is_in_several_groups(library: Any) -> None:
    body = {"query": [0, 1], "using": "d", "group_by": "tags", "group_size": 1}
    groups = library.post("/collections/library/points/query/groups", body)["groups"]
    assert [(group["id"], group["hits"][0]["id"]) for group in groups] == [("x", 12), ("y", 12)]
    lookup = body | {"with_lookup": "shapes"}
    assert "with_lookup" in library.post("/collections/library/points/query/groups", lookup, status=501)


def test_scrolling_meets_each_point_once(library: Any) -> None:
    seen: list[int] = []
    offset = None
    while True:
        page = library.post("/collections/library/points/scroll", {"limit": 5, "offset": offset})
        seen += ids(page)
        offset = page["next_page_offset"]
        if offset is None:
            break
    assert seen == list(range(1, 13))


def test_scrolling_in_order_of_a_key(library: Any) -> None:
    body = {"order_by": {"key": "year", "direction": "desc", "start_from": 2010}, "limit": 2, "with_payload": False}
    page = library.post("/collections/library/points/scroll", body)
    assert [(point["id"], point["order_value"]) for point in page["points"]] == [(10, 2010), (9, 2009)]
    assert page["next_page_offset"] is None
    refused = library.post("/collections/library/points/scroll", body | {"offset": 3}, status=400)
    assert "start_from" in refused


def test_values_of_an_indexed_key_are_counted(library: Any) -> None:
    old = {"must": [{"key": "old", "match": {"value": True}}]}
    hits = library.post("/collections/library/facet", {"key": "author", "filter": old, "exact": True})["hits"]
    assert sorted((hit["value"], hit["count"]) for hit in hits) == [("a1", 3), ("a3", 3)]
    assert "index" in library.post("/collections/library/facet", {"key": "tags"}, status=400)


vectors = st.lists(st.floats(-1e15, 1e15) | st.just(0.0), min_size=2, max_size=2)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(vectors)
def test_any_vector_of_the_right_size_is_answered(library: Any, vector: list[float]) -> None:
    assert len(ids(find(library, query=vector, using="d", limit=3))) == 3
    assert len(ids(library.post(QUERY, {"query": vector}))) == 3


def test_searches_go_on_while_the_shard_is_opened_anew(shapes: Any) -> None:
    def change(m: int) -> Any:
        return shapes.ask("PATCH", "/collections/shapes", {"hnsw_config": {"m": m}})

    with ThreadPoolExecutor(4) as pool:
        changes = [pool.submit(change, m) for m in range(4, 8)]
        searches = [pool.submit(shapes.post, QUERY, {"query": [1.0, 0.0], "limit": 1}) for _ in range(40)]
    assert all(done.result() is True for done in changes)
    assert {len(done.result()["points"]) for done in searches} == {1}
