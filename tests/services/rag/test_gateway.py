"""How answers of models are read, and whose fault a refusal is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from aisuite.services.common import ServiceError
from aisuite.services.rag.gateway import Ask, ContextExceeded, Gateway, Reply
from aisuite.services.rag.upstream import Unavailable, Upstream

ASK = Ask("chat-7b", [{"role": "user", "content": "안녕"}], max_tokens=5, temperature=0.3)


def gateway(client: httpx.AsyncClient) -> Gateway:
    return Gateway(Upstream("gateway", client))


def run(answer: httpx.Response, *, stream: bool = False) -> list[Reply]:
    async def replies() -> list[Reply]:
        transport = httpx.MockTransport(lambda _: answer)
        async with httpx.AsyncClient(base_url="http://gateway", transport=transport) as client:
            if not stream:
                return [await gateway(client).complete(ASK)]
            async with aclosing(gateway(client).stream(ASK)) as pieces:
                return [piece async for piece in pieces]

    return asyncio.run(replies())


def events(*bodies: dict[str, Any], end: str = "data: [DONE]\n\n") -> httpx.Response:
    text = "".join(f"data: {json.dumps(body)}\n\n" for body in bodies) + end
    return httpx.Response(200, text=f": ping\n\n{text}", headers={"x-litellm-model-id": "inference-chat"})


def delta(text: str, finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}, "finish_reason": finish_reason}]}


def test_a_whole_answer_tells_its_text_its_server_and_its_cost() -> None:
    body = {"choices": [{"message": {"content": "네"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 7}}
    (reply,) = run(httpx.Response(200, json=body, headers={"x-litellm-model-id": "inference-code"}))
    assert reply == Reply("네", "inference-code", "stop", {"prompt_tokens": 7})


def test_a_streamed_answer_comes_in_pieces_with_usage_at_the_end() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 7}}
    pieces = run(events(delta("네"), delta(", 좋아요"), delta("", "stop"), usage), stream=True)
    whole = Reply("")
    for piece in pieces:
        whole = whole.followed_by(piece)
    assert whole == Reply("네, 좋아요", "inference-chat", "stop", {"prompt_tokens": 7})


def test_a_line_separator_inside_the_text_does_not_end_the_event() -> None:
    body = json.dumps(delta("가\u2028나", "stop"), ensure_ascii=False)
    answer = httpx.Response(200, content=f"data: {body}\r\n\r\ndata: [DONE]\r\n\r\n".encode())
    assert run(answer, stream=True)[0].text == "가\u2028나"


def test_an_answer_that_breaks_off_is_an_error() -> None:
    with pytest.raises(Unavailable, match="the answer broke off"):
        run(events(delta("네"), end=""), stream=True)


def test_a_reader_who_leaves_closes_the_connection_to_the_model() -> None:
    class Endless(httpx.AsyncByteStream):
        closed = False

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield f"data: {json.dumps(delta('네'))}\n\n".encode()

        async def aclose(self) -> None:
            self.closed = True

    async def leave_after_one_piece() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=body))
        async with httpx.AsyncClient(base_url="http://gateway", transport=transport) as client:
            async with aclosing(gateway(client).stream(ASK)) as pieces:
                await anext(pieces)
            assert body.closed

    body = Endless()
    asyncio.run(leave_after_one_piece())


def test_an_error_inside_a_stream_is_an_error() -> None:
    with pytest.raises(Unavailable, match="backend died"):
        run(events(delta("네"), {"error": {"message": "backend died", "code": 500}}), stream=True)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("message", "counted", "context"),
    [
        ("request (1840 tokens) exceeds the available context size (1024 tokens), try increasing it", 1840, 1024),
        ("litellm.ContextWindowExceededError: the request exceeds the available context size. try", None, None),
        ("This model's maximum context length is 4096 tokens. However, ...", None, 4096),
    ],
)
def test_a_prompt_that_is_too_long_is_told_apart(
    message: str, counted: int | None, context: int | None, *, stream: bool
) -> None:
    with pytest.raises(ContextExceeded) as caught:
        run(httpx.Response(400, json={"error": {"message": message}}), stream=stream)
    assert (caught.value.counted, caught.value.context) == (counted, context)


@pytest.mark.parametrize(
    ("upstream", "status", "part"),
    [
        (
            httpx.Response(400, json={"error": {"message": "Invalid model name passed in model=chat-7b"}}),
            422,
            "chat-7b",
        ),
        (httpx.Response(401, json={"error": {"message": "bad key"}}), 502, "the key was not accepted"),
        (httpx.Response(429, json={"error": {"message": "No deployments available"}}), 503, "No deployments"),
        (httpx.Response(200, json={"choices": []}), 503, "not understood"),
    ],
)
def test_refusals_of_the_gateway_are_told_apart(upstream: httpx.Response, status: int, part: str) -> None:
    with pytest.raises(ServiceError) as caught:
        run(upstream)
    assert caught.value.status == status
    assert part in caught.value.message
