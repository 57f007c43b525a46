"""What clients over HTTP send, and what they make of each kind of answer."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from aisuite.adapters.load import HttpLoad, clients
from aisuite.drill.model import POISON, Request
from aisuite.ports.load import LoadPlan
from tests.contract.http_server import Reply, serve
from tests.contract.waiting import eventually

KEY = "sk-0123456789abcdef"
ANSWER = Reply(
    body=b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}',
    headers=(("x-litellm-model-id", "chat-7b--inference-chat"),),
)
CHUNK = 'data: {"choices": [{"delta": {"content": "line\u2028break"}, "finish_reason": null}]}\n\n'.encode()
LAST = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\r\n\r\n'
DONE = b"data: [DONE]\n\n"
BROKEN = b'data: {"error": {"message": "upstream is gone", "code": "500"}}\n\n'


def plan_for(url: str, *, plain: int = 0, streams: int = 0, patience: float = 10.0) -> LoadPlan:
    return LoadPlan(
        zero=time.monotonic(),
        gateway_url=url,
        gateway_key=KEY,
        route="chat-7b",
        plain=plain,
        streams=streams,
        pause=0.01,
        patience=patience,
        rag_url=url,
        rag_key="rag-key",
        collection="drill",
    )


def first_of(plan: LoadPlan) -> Request:
    """Return the first request that ends."""
    run = HttpLoad().begin(plan)
    eventually(run.seen)
    run.stop()
    return run.seen()[0]


def ask(reply: Reply, *, kind: str = "plain", patience: float = 10.0) -> Request:
    """Return what a client saw of this answer."""
    with serve([reply]) as server:
        plan = plan_for(server.url, plain=int(kind == "plain"), streams=int(kind == "stream"), patience=patience)
        return first_of(plan)


def test_a_whole_answer_is_good_and_names_its_server() -> None:
    request = ask(ANSWER)
    assert request.good
    assert request.server == "chat-7b--inference-chat"
    assert request.first_byte is not None
    assert 0 <= request.start <= request.first_byte <= request.end


@pytest.mark.parametrize(
    ("reply", "status", "error"),
    [
        (Reply(500, b'{"error": {"message": "no\\nserver", "code": "500"}}'), 500, "no server"),
        (Reply(503, b'{"detail": "loading"}'), 503, "loading"),
        (Reply(429), 429, "it did not say why"),
        (Reply(200, b"<html>"), 200, "the answer is no JSON object"),
        (Reply(200, b"[" * 9000), 200, "the answer is no JSON object"),
        (Reply(200, b'{"choices": []}'), 200, "the answer is empty"),
        (Reply(200, b'{"error": "quota"}'), 200, "quota"),
    ],
)
def test_what_is_no_answer_has_a_status_and_words(reply: Reply, status: int, error: str) -> None:
    request = ask(reply)
    assert (request.status, request.error, request.complete, request.good) == (status, error, False, False)


def test_words_are_short_and_without_the_key() -> None:
    error = ask(Reply(401, f"Invalid key {KEY} ".encode() + b"x" * 9000)).error
    assert error is not None
    assert error.startswith("Invalid key … xxx")
    assert len(error) <= 160


def test_where_nothing_listens_a_request_has_no_status() -> None:
    request = first_of(plan_for("http://127.0.0.1:1", plain=1))
    assert (request.status, request.first_byte, request.error) == (None, None, "nothing listens there")


def test_an_answer_that_breaks_off_says_so() -> None:
    request = ask(Reply(200, b'{"choices"', cut=True))
    assert request.error is not None
    assert request.error.startswith("the connection broke off: ")
    assert not request.good


def test_a_client_gives_up_when_its_patience_ends() -> None:
    request = ask(Reply(hang=True), patience=0.1)
    assert (request.status, request.error) == (None, "no answer within 0.1 s")


@pytest.mark.parametrize("end", [LAST, DONE, LAST + DONE])
def test_a_stream_is_whole_with_its_last_chunk_or_its_done(end: bytes) -> None:
    request = ask(Reply(200, CHUNK + CHUNK + end), kind="stream")
    assert request.good
    assert request.kind == "stream"


@pytest.mark.parametrize("end", [BROKEN, BROKEN + DONE])
def test_a_stream_that_ends_in_an_error_event_is_marked(end: bytes) -> None:
    request = ask(Reply(200, CHUNK + end), kind="stream")
    assert (request.error, request.good, request.marked) == ("upstream is gone", False, True)


def test_a_stream_that_just_ends_is_not_marked() -> None:
    request = ask(Reply(200, CHUNK), kind="stream")
    assert (request.status, request.error, request.complete, request.marked) == (200, "", False, False)


def test_a_stream_that_is_refused_has_the_servers_words() -> None:
    request = ask(Reply(503, b'{"error": {"message": "no server"}}'), kind="stream")
    assert (request.status, request.error, request.marked) == (503, "no server", True)


def test_what_is_under_way_when_the_load_stops_is_waited_for() -> None:
    with serve([ANSWER]) as server:
        run = HttpLoad().begin(plan_for(server.url, plain=3))
        requests = run.stop()
    assert all(one.good for one in requests)
    assert len(requests) == len(server.requests)


def test_what_does_not_end_in_its_grace_is_broken_off_as_unanswered() -> None:
    with serve([Reply(hang=True)]) as server:
        run = HttpLoad().begin(plan_for(server.url, plain=2))
        eventually(lambda: len(server.requests) == 2)
        requests = run.stop(grace=0.05)
    assert [(one.status, one.error) for one in requests] == [(None, "no answer when the load ended")] * 2


def test_clients_send_the_route_and_the_key() -> None:
    with serve([ANSWER]) as server:
        first_of(plan_for(server.url, plain=1))
    verb, path, headers, body = server.requests[0]
    assert (verb, path, headers["Authorization"]) == ("POST", "/v1/chat/completions", f"Bearer {KEY}")
    assert json.loads(body)["model"] == "chat-7b"
    assert json.loads(body)["stream"] is False


def test_a_client_never_has_two_requests_under_way() -> None:
    with serve([ANSWER]) as server:
        run = HttpLoad().begin(plan_for(server.url, plain=1))
        eventually(lambda: len(run.seen()) >= 3)
        requests = run.stop()
    assert all(one.end <= other.start for one, other in pairwise(requests))


def test_poison_comes_beside_the_others_and_is_marked() -> None:
    with serve([Reply(hang=True)]) as server:
        plan = replace(plan_for(server.url), poison_every=0.01)
        run = HttpLoad().begin(plan)
        eventually(lambda: len(server.requests) >= 2)
        requests = run.stop(grace=0.0)
    assert {one.kind for one in requests} == {"poison"}
    assert all(POISON in json.loads(body)["messages"][0]["content"] for *_, body in server.requests)


def test_clients_of_the_rag_service_retrieve_with_its_key() -> None:
    with serve([Reply(body=b'{"hits": [{"text": "told"}]}')]) as server:
        request = first_of(replace(plan_for(server.url), rag=1))
    assert request.good
    _, path, headers, body = server.requests[0]
    assert (path, headers["Authorization"]) == ("/retrieve", "Bearer rag-key")
    assert json.loads(body) == {"collection": "drill", "query": "What does the drill retrieve?", "topk": 1}


def test_a_retrieval_that_finds_nothing_is_not_good() -> None:
    with serve([Reply(body=b'{"hits": []}')]) as server:
        request = first_of(replace(plan_for(server.url), rag=1))
    assert (request.kind, request.good, request.error) == ("rag", False, "the answer is empty")


def test_times_count_from_a_zero_that_may_lie_ahead() -> None:
    with serve([ANSWER]) as server:
        request = first_of(replace(plan_for(server.url, plain=1), zero=time.monotonic() + 100))
    assert request.start < 0


def test_no_key_stands_in_what_a_plan_prints() -> None:
    assert KEY not in repr(plan_for("http://127.0.0.1:1"))
    assert "rag-key" not in repr(plan_for("http://127.0.0.1:1"))


def test_a_load_that_cannot_begin_says_why_instead_of_being_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_patience: float) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(clients, "_open_client", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        HttpLoad().begin(plan_for("http://127.0.0.1:1", plain=1))


def test_a_load_that_dies_under_way_says_so_when_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a bug")

    monkeypatch.setattr(clients.Answer, "begin", fail)
    with serve([ANSWER]) as server:
        run = HttpLoad().begin(plan_for(server.url, plain=1))
        eventually(run.seen)
        with pytest.raises(AssertionError, match="a bug"):
            run.stop()
