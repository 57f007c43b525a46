"""The RAG application with a fake gateway, and connections that can be cut."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

KEY = "k-service"
GATEWAY_KEY = "k-gateway"

Say = Callable[[dict[str, Any]], Response]


def say(*pieces: str, prompt_tokens: int = 50, finish_reason: str = "stop") -> Say:
    """Answer a chat request with these pieces, whole or streamed as asked."""

    def answer(body: dict[str, Any]) -> Response:
        headers = {"x-litellm-model-id": "inference-chat"}
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": len(pieces), "total_tokens": 0}
        if not body.get("stream"):
            choice = {"message": {"content": "".join(pieces)}, "finish_reason": finish_reason}
            return JSONResponse({"choices": [choice], "usage": usage}, headers=headers)
        chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
        chunks += [{"choices": [{"delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": usage}]
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        return StreamingResponse(iter([*lines, "data: [DONE]\n\n"]), headers=headers)

    return answer


def refuse(status: int, message: str) -> Say:
    """Answer a chat request with an error."""
    return lambda _: JSONResponse({"error": {"message": message}}, status_code=status)


@dataclass
class FakeGateway:
    """The part of the gateway that RAG uses: it keeps what it was asked, and answers as it is told."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    answers: list[Say] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response: Response = JSONResponse({"error": {"message": "no such route"}}, status_code=404)
        if request.headers.get("authorization") != f"Bearer {GATEWAY_KEY}":
            response = JSONResponse({"error": {"message": "bad key"}}, status_code=401)
        elif request.url.path == "/health/liveliness":
            response = JSONResponse("I'm alive!")
        elif request.url.path == "/v1/chat/completions":
            body = await request.json()
            self.asked.append(body)
            response = (self.answers.pop(0) if self.answers else say("답입니다 ", "[1]"))(body)
        await response(scope, receive, send)

    @property
    def seen(self) -> str:
        """All that the last request showed the model."""
        return "\n".join(message["content"] for message in self.asked[-1]["messages"])


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """The connection to an application, which can be cut."""

    app: Any
    failure: Exception | None = None
    requests: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        return await httpx.ASGITransport(self.app).handle_async_request(request)


@dataclass
class Stack:
    """The RAG service under test and what it stands on."""

    client: TestClient
    gateway: FakeGateway
    wires: dict[str, Wire]

    def index(self, *documents: dict[str, Any], collection: str = "docs") -> dict[str, Any]:
        response = self.client.post("/index", json={"collection": collection, "documents": list(documents)})
        assert response.status_code == 200, response.text
        counts: dict[str, Any] = response.json()
        return counts

    def rerank_by(self, word: str | None) -> None:
        """Be a reranker that likes texts with a word better than others; None: it is down."""

        async def judge(scope: Scope, receive: Receive, send: Send) -> None:
            texts = (await Request(scope, receive).json())["documents"]
            results = [{"index": at, "relevance_score": str(word) in text} for at, text in enumerate(texts)]
            response = JSONResponse({"results": results[::-1]}, status_code=200 if word else 503)
            await response(scope, receive, send)

        self.wires["reranker"].app = judge

    def wait_for(self, job: str, *states: str) -> dict[str, Any]:
        """Ask for a job until it is in one of the states."""
        for _ in range(2000):
            status: dict[str, Any] = self.client.get(f"/jobs/{job}").json()
            if status["state"] in (states or ("done",)):
                return status
        raise AssertionError(f"job {job} stays {status['state']}")

    def retrieve(self, query: str, collection: str = "docs", **more: Any) -> list[dict[str, Any]]:
        response = self.client.post("/retrieve", json={"query": query, "collection": collection, **more})
        assert response.status_code == 200, response.text
        hits: list[dict[str, Any]] = response.json()["hits"]
        return hits

    def query(self, query: str, collection: str = "docs", **more: Any) -> Any:
        return self.client.post("/query", json={"query": query, "collection": collection, **more})

    def count_requests(self, name: str, path_part: str) -> int:
        return sum(path_part in request.url.path for request in self.wires[name].requests)
