"""What every client of the suite keeps, with laid-down answers and over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from aisuite.adapters.chat import HttpChat
from aisuite.errors import NotRunning, StepFailed
from aisuite.ports import Chat
from tests.contract.http_server import Reply, serve
from tests.fakes.chat import FakeChat

NewChat = Callable[..., tuple[Chat, str]]


@pytest.fixture(params=["fake", "http"])
def new_chat(request: pytest.FixtureRequest) -> Iterator[NewChat]:
    """Return a client and the URL of a server with these answers, as events or as one body."""
    with ExitStack() as stack:

        def fake(*answers: dict[str, Any] | StepFailed, events: bool = True) -> tuple[Chat, str]:
            return FakeChat({"http://127.0.0.1:8000/v1": answers}), "http://127.0.0.1:8000/v1"

        def http(*answers: dict[str, Any] | StepFailed, events: bool = True) -> tuple[Chat, str]:
            texts = [json.dumps({"error": {"message": "full"}} if isinstance(a, StepFailed) else a) for a in answers]
            body = "".join(f"data: {text}\n\n" for text in texts) + "data: [DONE]\n\n" if events else texts[0]
            server = stack.enter_context(serve([Reply(body=body.encode())]))
            return HttpChat(), server.url + "/v1"

        yield fake if request.param == "fake" else http


def test_events_come_in_order(new_chat: NewChat) -> None:
    chat, url = new_chat({"n": 1}, {"n": 2}, {"text": "한국어"})
    assert list(chat.stream(url, "sk-key", {}, 5)) == [{"n": 1}, {"n": 2}, {"text": "한국어"}]


def test_an_error_among_the_events_ends_them(new_chat: NewChat) -> None:
    chat, url = new_chat({"n": 1}, StepFailed("the server reports: full"), {"n": 2})
    events = chat.stream(url, "sk-key", {}, 5)
    assert next(events) == {"n": 1}
    with pytest.raises(StepFailed, match="the server reports: full"):
        next(events)


def test_a_post_returns_the_body(new_chat: NewChat) -> None:
    chat, url = new_chat({"documents": 3}, events=False)
    assert chat.post(url, "sk-key", {"path": "docs"}, 5) == {"documents": 3}


def test_what_is_deleted_is_told_only_when_it_fails(new_chat: NewChat) -> None:
    chat, url = new_chat({"deleted": {}}, events=False)
    chat.delete(url, "sk-key", 5)
    with pytest.raises(NotRunning, match=r"nothing answers at http://127\.0\.0\.1:1/"):
        chat.delete("http://127.0.0.1:1/", "sk-key", 5)


def test_what_does_not_run_is_not_running(new_chat: NewChat) -> None:
    chat, _ = new_chat({}, events=False)
    with pytest.raises(NotRunning, match=r"nothing answers at http://127\.0\.0\.1:1/"):
        chat.post("http://127.0.0.1:1/", "sk-key", {}, 5)
    with pytest.raises(NotRunning):
        list(chat.stream("http://127.0.0.1:1/", "sk-key", {}, 5))
