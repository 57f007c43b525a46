"""`aisuite health` on a running suite: a real token from every server, and the truth about what is broken."""

from __future__ import annotations

import time

import pytest

from aisuite.adapters.process_engine import ProcessEngine
from tests.e2e.suite import Ran, Suite

pytestmark = pytest.mark.e2e

WAYS = {
    "chat-7b",
    "code-7b",
    "chat-7b by inference-chat",
    "chat-7b by inference-code",
    "code-7b by inference-code",
    "code-7b by inference-chat",
    "rag",
}


def _subjects(ran: Ran, check: str, outcome: str) -> set[str]:
    found = ran.json["findings"]
    return {one["subject"] for one in found if (one["check"], one["outcome"]) == (check, outcome)}


def test_every_server_of_every_route_gives_a_token(running: Suite) -> None:
    looked = running.run("health", "--deep", "--evidence", "--json")
    assert (looked.code, looked.json["verdict"]) == (0, "healthy"), looked.out
    assert _subjects(looked, "token", "pass") == WAYS
    assert _subjects(looked, "snapshots", "pass") == {"qdrant"}
    assert {one["name"] for one in looked.json["services"] if one["alive"] and one["ready"]} == set(running.services())
    kept = running.run("evidence", "show", looked.json["evidence"])
    assert "chat-7b by inference-code: one token in" in kept.out


def test_a_fallback_that_does_not_run_is_missed_at_once_though_every_route_answers(running: Suite) -> None:
    ProcessEngine(running.state).stop("inference-code")
    try:
        looked = running.run("health", "--deep", "--json")
        assert (looked.code, looked.json["verdict"]) == (5, "degraded")
        assert _subjects(looked, "ready", "fail") == {"inference-code"}
        assert _subjects(looked, "token", "fail") == {"chat-7b by inference-code", "code-7b by inference-code"}
        assert {"chat-7b", "code-7b"} <= _subjects(looked, "token", "pass")
    finally:
        assert running.run("watch", "--once").code == 0
    again = running.run("health", "--deep", "--json")  # waits until it is ready
    assert again.code == 0, again.out


def test_a_service_that_hangs_and_the_one_that_needs_it_are_both_named(running: Suite) -> None:
    engine = ProcessEngine(running.state)
    engine.signal("qdrant", "STOP")
    try:
        time.sleep(1.1)  # so long RAG may tell what it saw before
        looked = running.run("health", "--timeout", "0", "--json")
    finally:
        engine.signal("qdrant", "CONT")
    rows = {one["name"]: one for one in looked.json["services"]}
    assert looked.code == 5
    assert _subjects(looked, "ready", "fail") == {"qdrant", "rag"}
    assert (rows["qdrant"]["state"], rows["qdrant"]["alive"]) == ("paused", False)
    assert (rows["rag"]["alive"], rows["rag"]["dependencies"]["gateway"]) == (True, "ok")
    assert "qdrant" in rows["rag"]["dependencies"]["qdrant"]
    again = running.run("health", "--json")
    assert again.code == 0, again.out
