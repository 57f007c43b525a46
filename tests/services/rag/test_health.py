"""What the RAG service says when the services behind it fail, and when they are back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from aisuite.services.common import StartError
from aisuite.services.rag.app import EMBEDDING, GATEWAY, QDRANT, create_app
from aisuite.services.rag.settings import RagSettings
from tests.services.rag.harness import Stack, refuse

NOTE = {"id": "note", "text": "메모입니다."}
ALL = [QDRANT, EMBEDDING, GATEWAY]
DOWN = httpx.ConnectError("refused")
HANGING = httpx.ReadTimeout("silent")


def test_health_is_the_health_of_all_dependencies_and_needs_no_key(stack: Stack) -> None:
    stack.client.headers.pop("Authorization")
    response = stack.client.get("/health")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "dependencies": dict.fromkeys(ALL, "ok")}
    assert stack.client.get("/livez").status_code == 200


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("failure", [DOWN, HANGING])
def test_a_dependency_that_fails_is_named_and_recovers_by_itself(stack: Stack, name: str, failure: Exception) -> None:
    stack.wires[name].failure = failure
    response = stack.client.get("/health")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "30"
    states = response.json()["dependencies"]
    assert states.pop(name).startswith(name)
    assert set(states.values()) == {"ok"}
    assert stack.client.get("/livez").status_code == 200
    stack.wires[name].failure = None
    assert stack.client.get("/health").status_code == 200


def test_probes_that_come_often_cost_the_dependencies_nothing(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisuite.services.rag.health._REMEMBERED_SECONDS", 60.0)
    stack.client.get("/health")
    asked = sum(len(wire.requests) for wire in stack.wires.values())
    stack.client.get("/health")
    assert sum(len(wire.requests) for wire in stack.wires.values()) == asked


def test_a_model_is_asked_only_on_request_and_not_by_every_request(stack: Stack) -> None:
    assert stack.client.get("/health").status_code == 200
    assert stack.gateway.asked == []
    for _ in range(3):
        assert stack.client.get("/health", params={"llm": "true"}).json()["dependencies"]["llm"] == "ok"
    (asked,) = stack.gateway.asked
    assert (asked["model"], asked["max_tokens"]) == ("chat-7b", 1)


def test_a_model_that_does_not_answer_makes_the_service_unhealthy(stack: Stack) -> None:
    stack.gateway.answers = [refuse(500, "no model")] * 2
    response = stack.client.get("/health", params={"llm": "true"})
    assert response.status_code == 503
    assert "no model" in response.json()["dependencies"]["llm"]


@pytest.mark.parametrize(("failure", "status"), [(DOWN, 503), (HANGING, 504)])
@pytest.mark.parametrize("name", [QDRANT, EMBEDDING])
@pytest.mark.parametrize("path", ["/index", "/retrieve", "/query"])
def test_a_request_names_the_dependency_that_failed_and_works_when_it_is_back(
    stack: Stack, path: str, name: str, failure: Exception, status: int
) -> None:
    stack.index(NOTE)
    body: dict[str, Any] = {"collection": "docs", "query": "메모"}
    if path == "/index":
        body = {"collection": "docs", "documents": [NOTE]}
    stack.wires[name].failure = failure
    response = stack.client.post(path, json=body)
    assert response.status_code == status
    assert "Retry-After" in response.headers
    error = response.json()["error"]
    assert name in error["message"]
    assert error["code"].startswith(name)
    stack.wires[name].failure = None
    assert stack.client.post(path, json=body).status_code == 200


def test_a_lost_connection_is_not_noticed_by_who_asks(stack: Stack) -> None:
    stack.index(NOTE)
    wire = stack.wires[QDRANT]
    whole = wire.app
    failed: list[str] = []

    async def drop_first(scope: Any, receive: Any, send: Any) -> None:
        if not failed:
            failed.append(scope["path"])
            raise httpx.RemoteProtocolError("server disconnected")
        await whole(scope, receive, send)

    wire.app = drop_first
    assert stack.retrieve("메모")[0]["document_id"] == "note"
    assert failed


@pytest.mark.parametrize("name", [QDRANT, EMBEDDING])
def test_indexing_sits_out_a_restart_of_a_dependency(make_stack: Callable[..., Stack], name: str) -> None:
    stack = make_stack(qdrant_max_retries=4)
    wire = stack.wires[name]
    whole = wire.app

    async def back_at_the_fourth_request(scope: Any, receive: Any, send: Any) -> None:
        if len(wire.requests) < 4:
            raise DOWN
        await whole(scope, receive, send)

    wire.app = back_at_the_fourth_request
    assert stack.index(NOTE)["chunks"] == 1


def test_all_else_needs_the_key(stack: Stack) -> None:
    stack.client.headers["Authorization"] = "Bearer wrong"
    for path in ("/index", "/retrieve", "/query"):
        assert stack.client.post(path, json={}).status_code == 401
    for path in ("/collections", "/metrics"):
        assert stack.client.get(path).status_code == 401


def test_the_wrong_key_for_a_dependency_is_our_fault_and_not_the_callers(
    settings: dict[str, Any], make_stack: Callable[..., Stack]
) -> None:
    Path(settings["api_gateway_key_file"]).write_text("other")
    stack = make_stack()
    stack.index(NOTE)
    response = stack.query("메모")
    assert response.status_code == 502
    assert response.json()["error"]["message"] == "gateway refused the request (401): the key was not accepted"


def test_a_missing_gateway_key_stops_the_start(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot read the API key file"):
        create_app(RagSettings(**{**settings, "api_gateway_key_file": tmp_path / "none"}))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rag_chunk_overlap": 300}, "more than half of RAG_CHUNK_SIZE=512"),
        ({"rag_llm_max_tokens": 1024}, "leaves nothing of RAG_CONTEXT_TOKENS=1024"),
        ({"qdrant_url": "qdrant:6333"}, "URL"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RagSettings(**{**settings, **changed})
