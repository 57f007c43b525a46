"""After `up`: services die from outside and hang, are restarted and brought back."""

from __future__ import annotations

import json
import signal

import pytest

from aisuite.adapters.process_engine import ProcessEngine
from tests.e2e.suite import Suite, wait_for

pytestmark = pytest.mark.e2e


def test_what_died_from_outside_comes_back_and_what_is_asked_for_is_restarted(suite: Suite) -> None:
    assert suite.run("up", "--phase", "1", "--demo").code == 0
    engine = ProcessEngine(suite.state)
    before = {name: one["pid"] for name, one in suite.services().items()}

    # Stopped from outside: the engine itself does not bring it back.
    engine.stop("inference-code")
    once = suite.run("watch", "--once", "--json")
    assert once.code == 0, once.out
    assert once.json["services"]["inference-code"] == "down"
    assert [event["what"] for event in once.json["events"]] == ["down", "started"]
    wait_for(lambda: suite.services()["inference-code"]["health"] == "healthy")

    # Hung: it runs, and answers nobody.
    watch = suite.start("watch", "--interval", "0.5", "--hung-after", "1")
    try:
        assert watch.stdout is not None
        assert watch.stdout.readline().endswith("watching 3 of 3 services are healthy\n")
        engine.signal("inference-chat", "STOP")
        told = [watch.stdout.readline() for _ in range(3)]
        assert [line.split()[1:3] for line in told] == [["inference-chat", w] for w in ("unready", "hung", "started")]
    finally:
        watch.send_signal(signal.SIGTERM)
        _, err = watch.communicate(timeout=30)
    assert (watch.returncode, err) == (0, "")
    wait_for(lambda: suite.services()["inference-chat"]["health"] == "healthy")

    restarted = suite.run("restart", "inference-chat", "--json")
    assert restarted.code == 0, restarted.out
    assert restarted.json["restarted"] == ["inference-chat"]
    after = {name: one["pid"] for name, one in suite.services().items()}
    assert {name for name in before if after[name] != before[name]} == {"inference-chat", "inference-code"}

    journal = suite.state / "events" / "watch.jsonl"
    assert journal.stat().st_mode & 0o777 == 0o600
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [one["event"] for one in events] == ["down", "started", "watching", "unready", "hung", "started"]
