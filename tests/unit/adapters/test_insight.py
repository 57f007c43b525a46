"""What engines write about processes and events, read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.adapters.docker_engine.insight import event_of, listed, tasks_of
from aisuite.adapters.docker_engine.labels import SERVICE
from aisuite.adapters.process_engine.insight import events_of

LOG = """\
2026-11-21 10:19:12,701 INFO spawned: 'api-gateway' with pid 5991
2026-11-21 10:19:21,399 WARN exited: inference-chat (terminated by SIGKILL; not expected)
2026-11-21 10:19:23,561 INFO success: api-gateway entered RUNNING state, process has stayed up for > than 10 seconds
2026-11-21 10:19:29,113 INFO stopped: inference-chat (exit status 0)
2026-11-21 10:19:30,000 INFO gave up: rag entered FATAL state, too many start retries too quickly
2026-99-21 10:19:30,000 INFO spawned: 'rag' with pid 1
"""


def test_supervisords_log_tells_starts_and_ends() -> None:
    told = [(one.service, one.what, one.detail) for one in events_of(LOG.splitlines())]
    assert told == [
        ("api-gateway", "spawned", "pid 5991"),
        ("inference-chat", "exited", "terminated by SIGKILL; not expected"),
        ("inference-chat", "stopped", "exit status 0"),
        ("rag", "gave up", "entered FATAL state, too many start retries too quickly"),
    ]
    first, second, *_ = events_of(LOG.splitlines())
    assert second.at - first.at == pytest.approx(8.698)


@given(st.lists(st.text() | st.from_regex(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \w+ spawned: .*")))
def test_whatever_stands_in_the_log_is_no_error(lines: list[str]) -> None:
    assert all(event.service for event in events_of(lines))


def _event(action: str, **attributes: str) -> dict[str, Any]:
    labels = {SERVICE: "rag", "exitCode": "137", "signal": "15"}
    return {"Action": action, "Actor": {"Attributes": labels | attributes}, "timeNano": 1_500_000_000}


def test_events_of_containers_are_told_without_those_of_looking() -> None:
    events = [_event(one) for one in ("die", "kill", "health_status: healthy", "exec_start: sh", "top", "start")]
    told = [event_of(one) for one in events]
    assert [(one.what, one.detail) for one in told if one] == [
        ("die", "exit code -9"),
        ("kill", "signal 15"),
        ("health_status", "healthy"),
        ("start", ""),
    ]
    assert told[0] is not None
    assert told[0].at == 1.5


def test_an_event_of_a_container_that_is_no_service_is_not_told() -> None:
    event = _event("start")
    del event["Actor"]["Attributes"][SERVICE]
    assert event_of(event) is None


def test_processes_of_a_container_come_oldest_first() -> None:
    rows = [
        ["12", "1000", "0.5", "2048", "3", "sh -c 'a b'"],
        ["11", "1000", "0.0", "4", "9", "init", "--", "sh"],
    ]
    first, second = tasks_of(rows)
    assert (first.pid, first.command, first.memory) == (11, "init -- sh", 4096)
    assert (second.user, second.cpu_percent, second.seconds) == ("1000", 0.5, 3.0)


def test_a_container_is_listed_with_what_is_published() -> None:
    found = listed(
        {
            "Id": "0123456789abcdef",
            "Name": "/suite-rag-1",
            "Image": "sha256:1",
            "RestartCount": 0,
            "Path": "python",
            "Args": ["-m", "a b"],
            "Config": {"Image": "aisuite/service:1", "Labels": {SERVICE: "rag"}},
            "State": {
                "Status": "running",
                "Pid": 7,
                "ExitCode": 0,
                "StartedAt": "2026-01-01T00:00:00Z",
                "Health": {"Status": "healthy"},
            },
            "NetworkSettings": {
                "Ports": {"8002/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18002"}], "9000/tcp": None}
            },
        }
    )
    assert (found.name, found.command, found.image) == ("suite-rag-1", "python -m 'a b'", "aisuite/service:1")
    assert (found.state, found.health, found.exit_code) == ("running", "healthy", None)
    assert found.ports == ("127.0.0.1:18002->8002",)
