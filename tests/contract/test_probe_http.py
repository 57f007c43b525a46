"""What can go wrong on the way to a service."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from aisuite.adapters.probe import HttpProbe
from tests.contract.http_server import Reply, serve


def test_a_service_that_hangs_costs_the_timeout_and_no_more() -> None:
    with serve([Reply(hang=True)]) as server:
        answer = HttpProbe().ask(server.url, timeout=0.1)
    assert (answer.ready, answer.status, answer.reason) == (False, None, "no answer within 0.1 s")


def test_something_that_does_not_speak_http_is_not_ready() -> None:
    def babble() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"220 smtp ready\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        pool.submit(babble)
        answer = HttpProbe().ask(f"http://127.0.0.1:{listener.getsockname()[1]}/")
    assert (answer.ready, answer.status) == (False, None)
    assert answer.reason.startswith("no HTTP answer")


def test_a_redirect_is_not_ready_and_not_followed() -> None:
    with serve([Reply(302, headers=(("Location", "/elsewhere"),))]) as server:
        assert HttpProbe().ask(server.url + "/health").reason == "HTTP 302"
        assert [path for _, path, _, _ in server.requests] == ["/health"]


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serve([Reply()]) as server:
        assert HttpProbe().ask(server.url).ready


def test_a_long_page_is_shown_by_its_beginning() -> None:
    with serve([Reply(500, b"<html>\n\n" + b"x" * 5000)]) as server:
        reason = HttpProbe().ask(server.url).reason
    assert reason.startswith("HTTP 500: <html> xxx")
    assert len(reason) < 250


def test_what_a_service_tells_to_whoever_has_its_key_is_read_whole() -> None:
    told = b'{"total_slots": 2, "chat_template": "' + b"x" * 20000 + b'"}'
    with serve([Reply(200, told)]) as server:
        found = HttpProbe().read(server.url + "/props", "secret")
        assert server.requests[0][2]["Authorization"] == "Bearer secret"
    assert (found["total_slots"], len(found["chat_template"])) == (2, 20000)


@pytest.mark.parametrize(
    "reply", [Reply(401, b"{}"), Reply(200, b"<html>"), Reply(200, b""), Reply(200, b"[" * 10000), Reply(cut=True)]
)
def test_a_service_that_tells_nothing_of_use_is_read_as_nothing(reply: Reply) -> None:
    with serve([reply]) as server:
        assert HttpProbe().read(server.url, "secret") is None


def test_a_service_that_does_not_run_tells_nothing() -> None:
    assert HttpProbe().read("http://127.0.0.1:1/props", "secret") is None


@pytest.mark.parametrize("status", [200, 503])
def test_what_a_body_says_as_json_comes_with_the_answer_whatever_the_status(status: int) -> None:
    with serve([Reply(status, b'{"dependencies": {"qdrant": "ok"}}')]) as server:
        answer = HttpProbe().ask(server.url + "/health")
    assert (answer.status, answer.told) == (status, {"dependencies": {"qdrant": "ok"}})


def test_a_query_goes_along() -> None:
    with serve([Reply()]) as server:
        HttpProbe().ask(server.url + "/health?llm=true")
        assert [path for _, path, _, _ in server.requests] == ["/health?llm=true"]
