"""What a server may answer instead of an answer, and that no key stands in any message."""

from __future__ import annotations

import json

import pytest

from aisuite.adapters.chat import HttpChat
from aisuite.errors import NotRunning, StepFailed
from tests.contract.http_server import Reply, serve

KEY = "sk-0123456789abcdef"


def refusal(reply: Reply) -> str:
    """Return the message for a reply; the same for both ways of asking."""
    messages = []
    with serve([reply]) as server:
        for ask in (
            lambda: HttpChat().post(server.url, KEY, {}, 5),
            lambda: list(HttpChat().stream(server.url, KEY, {}, 5)),
        ):
            with pytest.raises(StepFailed) as caught:
                ask()
            messages.append(caught.value.message)
    assert messages[0] == messages[1]
    return messages[0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "no such model", "type": "invalid"}}, "no such model"),
        ({"error": "overloaded"}, "overloaded"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"status": {"error": "collection is missing"}, "time": 0.0}, "collection is missing"),
        ({"detail": [{"loc": ["body"], "msg": "missing"}]}, '[{"loc": ["body"], "msg": "missing"}]'),
        ({}, "{}"),
    ],
)
def test_the_servers_own_words_are_passed_on(body: dict[str, object], words: str) -> None:
    assert refusal(Reply(400, json.dumps(body).encode())) == f"the server refused (HTTP 400): {words}"


def test_a_refusal_that_is_no_json_is_passed_on_shortened() -> None:
    message = refusal(Reply(502, b"<h1>Bad\nGateway</h1>" + b"x" * 9000))
    assert message.startswith("the server refused (HTTP 502): <h1>Bad Gateway</h1>xxx")
    assert len(message) < 600


def test_a_refusal_without_words_says_so() -> None:
    assert refusal(Reply(503)) == "the server refused (HTTP 503): it did not say why"


def test_no_key_stands_in_a_message() -> None:
    said = {"error": {"message": f"Invalid key {KEY}, expected sk-fedcba9876543210"}}
    message = refusal(Reply(401, json.dumps(said).encode()))
    assert "0123456789abcdef" not in message
    assert "fedcba9876543210" not in message
    assert "Invalid key" in message


def test_the_key_and_the_body_are_sent() -> None:
    with serve([Reply(body=b"{}")]) as server:
        HttpChat().post(server.url + "/v1/chat", KEY, {"model": "chat-7b", "text": "ß"}, 5)
    ((verb, path, headers, body),) = server.requests
    assert (verb, path, headers["Authorization"]) == ("POST", "/v1/chat", f"Bearer {KEY}")
    assert json.loads(body) == {"model": "chat-7b", "text": "ß"}


def test_files_are_sent_with_their_names_and_as_they_are() -> None:
    with serve([Reply(body=b'{"documents": 2}')]) as server:
        files = [("sub/글.md", "본문".encode()), ("a.pdf", b"\x00\xff")]
        answer = HttpChat().post_files(server.url + "/upload", KEY, {"collection": "docs"}, files, 5)
    ((_, path, headers, body),) = server.requests
    assert (answer["documents"], path, headers["Authorization"]) == (2, "/upload", f"Bearer {KEY}")
    assert headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert 'name="files"; filename="sub/글.md"'.encode() in body
    assert b"\x00\xff" in body
    assert b"docs" in body


def test_what_is_followed_is_asked_for_with_the_key_and_told_event_by_event() -> None:
    with serve([Reply(body=b'event: progress\ndata: {"n": 1}\n\nevent: end\ndata: {"n": 2}\n\n')]) as server:
        events = list(HttpChat().follow(server.url + "/jobs/1/events", KEY, 5))
    ((verb, path, headers, _),) = server.requests
    assert (verb, path, headers["Authorization"]) == ("GET", "/jobs/1/events", f"Bearer {KEY}")
    assert events == [{"n": 1}, {"n": 2}]


def test_what_a_job_fails_by_is_passed_on() -> None:
    body = b'data: {"state": "failed", "error": {"message": "the embedding service is gone"}}\n\n'
    with serve([Reply(body=body)]) as server, pytest.raises(StepFailed, match="the embedding service is gone"):
        list(HttpChat().follow(server.url, KEY, 5))


def test_a_deletion_carries_the_key_and_no_body_and_passes_on_a_refusal() -> None:
    with serve([Reply(body=b"{}")]) as server:
        HttpChat().delete(server.url + "/collections/docs", KEY, 5)
    ((verb, path, headers, body),) = server.requests
    assert (verb, path, headers["Authorization"], body) == ("DELETE", "/collections/docs", f"Bearer {KEY}", b"")
    refused = Reply(404, b'{"detail": "there is no docs"}')
    with (
        serve([refused]) as server,
        pytest.raises(StepFailed, match=r"the server refused \(HTTP 404\): there is no docs"),
    ):
        HttpChat().delete(server.url, KEY, 5)


def test_a_server_that_falls_silent_is_given_up() -> None:
    with serve([Reply(hang=True)]) as server, pytest.raises(StepFailed, match=r"was silent for 0\.1 s"):
        list(HttpChat().stream(server.url, KEY, {}, 0.1))


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    with serve([Reply(body=b'data: {"n": 1}\n\n', cut=True)]) as server:
        events = HttpChat().stream(server.url, KEY, {}, 5)
        assert next(events) == {"n": 1}
        with pytest.raises(StepFailed, match="broke off"):
            next(events)


@pytest.mark.parametrize("body", [b"data: {\n\n", b"data: 3\n\n", b"data: [1]\n\n"])
def test_an_event_that_is_no_object_is_refused(body: bytes) -> None:
    with serve([Reply(body=body)]) as server, pytest.raises(StepFailed, match="the server sent something that is not"):
        list(HttpChat().stream(server.url, KEY, {}, 5))


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serve([Reply(body=b'{"a": 1}')]) as server:
        assert HttpChat().post(server.url, KEY, {}, 5) == {"a": 1}


def test_nothing_listening_is_not_running() -> None:
    with pytest.raises(NotRunning) as caught:
        HttpChat().post("http://127.0.0.1:1/v1", KEY, {}, 5)
    assert caught.value.hint == "aisuite status"


def test_a_collection_of_another_embedding_model_is_answered_with_the_command() -> None:
    said = {"message": "collection 'notes' holds vectors of hash-384", "code": "embedding_model_mismatch"}
    with serve([Reply(409, json.dumps({"error": said}).encode())]) as server, pytest.raises(StepFailed) as caught:
        HttpChat().post(server.url, KEY, {}, 5)
    assert caught.value.message.endswith("collection 'notes' holds vectors of hash-384")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("aisuite rag rm notes --all")
