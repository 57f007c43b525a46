"""What the service says of itself in its OpenAPI document holds for whatever it is sent."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from tests.services.described import check_operation, described_operations, load_schema
from tests.services.rag.harness import KEY, Stack


class Forward:
    """The running service as an application that can be called from another event loop."""

    def __init__(self, client: TestClient) -> None:
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        path = scope["raw_path"].decode("ascii")
        query = scope["query_string"].decode("ascii")

        def ask() -> Any:
            url = f"{path}?{query}" if query else path
            return self._client.request(request.method, url, headers=dict(request.headers), content=body)

        answer = await to_thread.run_sync(ask)
        await Response(answer.content, answer.status_code, dict(answer.headers))(scope, receive, send)


def test_every_answer_is_as_described(stack: Stack) -> None:
    stack.index({"id": "a.md", "text": "The gate is green."})
    stack.client.headers.pop("Authorization")  # what a request lacks must be missing
    schema = load_schema(Forward(stack.client), KEY)
    operations = described_operations(schema.raw_schema)
    assert {"POST /query", "POST /upload", "DELETE /collections/{name}/documents/{document_id}"} <= operations
    for operation in sorted(operations):
        check_operation(schema, operation, examples=6, all_valid_accepted=False)
