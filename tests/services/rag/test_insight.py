"""What the service tells of itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.services.rag.harness import Stack

NOTE = {"id": "note", "text": "백업은 매일 합니다."}
NAMES = (
    'rag_stage_seconds_bucket{le="0.02",stage="search"}',
    'rag_stage_seconds_count{stage="embed"} 2.0',
    'rag_stage_seconds_count{stage="answer"} 1.0',
    'rag_stage_seconds_count{stage="store"} 1.0',
    "rag_retrieved_chunks_sum 1.0",
    'rag_index_documents_total{result="indexed"} 1.0',
    'rag_index_documents_total{result="unchanged"} 1.0',
    'rag_index_documents_total{result="skipped"} 1.0',
    'rag_index_documents_total{result="removed"} 1.0',
    'rag_cache_total{result="hit"} 1.0',
    'rag_cache_total{result="miss"} 2.0',
    'rag_questions_total{outcome="not_found"} 1.0',
    'rag_citations_total{result="right"} 1.0',
    'dependency_up{name="qdrant"} 1.0',
    'rag_circuit_open{name="embedding"} 0.0',
)


@pytest.fixture
def used(stack: Stack) -> Stack:
    stack.index(NOTE)
    stack.index(NOTE, {"text": ""})
    for question in ("백업은 언제?", "백업은 언제?", "quarterly revenue forecast"):
        stack.query(question)
    stack.client.delete("/collections/docs/documents/note")
    return stack


def test_every_metric_of_a_dashboard_is_there(used: Stack) -> None:
    shown = used.client.get("/metrics").text
    assert [name for name in NAMES if name not in shown] == []


def test_the_cache_tells_how_it_does_and_can_be_cleared(used: Stack) -> None:
    stats = used.client.get("/cache/stats").json()
    assert (stats["entries"], stats["hits"], stats["misses"], stats["hit_rate"]) == (2, 1, 2, 1 / 3)
    assert used.client.delete("/cache").json()["entries"] == 0


def test_analytics_tell_numbers_and_keep_the_text_of_questions_out(used: Stack) -> None:
    told = used.client.get("/analytics").json()
    assert (told["questions"], told["found"], told["recent"]) == (2, 1, [])
    assert told["cache"]["hits"] == 1
    assert told["stages"]["search"][0] == 2
    assert "quarterly" not in used.client.get("/metrics").text


def test_an_owner_may_ask_for_the_text_of_questions(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(rag_analytics_questions=True)
    stack.index(NOTE)
    stack.query("백업은 언제?")
    assert stack.client.get("/analytics").json()["recent"] == [
        {"question": "백업은 언제?", "collection": "docs", "chunks": 1}
    ]


def test_a_prewarmed_service_has_asked_everyone(stack: Stack) -> None:
    assert set(stack.client.post("/prewarm").json()["dependencies"]) == {"qdrant", "embedding", "gateway", "llm"}
    assert len(stack.gateway.asked) == 1


def test_the_openapi_document_names_every_route_its_errors_and_the_key(stack: Stack) -> None:
    paths = stack.client.get("/openapi.json").json()["paths"]
    for path in ("/index", "/upload", "/jobs/{job}", "/retrieve", "/query", "/collections/{name}", "/reconcile"):
        for operation in paths[path].values():
            assert operation["security"], path
            assert {"401", "422"} & operation["responses"].keys(), path
            assert operation.get("description") or operation.get("summary"), path
    assert {"404", "409", "502", "503", "504"} <= paths["/query"]["post"]["responses"].keys()
