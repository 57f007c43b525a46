"""Errors are found in the logs of all our services, and nothing is given away."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.ops.log_errors import find_errors

ERRORS = [
    '{"ts": "2026-11-21T12:06:13+00:00", "level": "error", "logger": "rag", "message": "it broke"}',
    '{"message": "it broke", "level": "CRITICAL", "component": "LiteLLM Proxy"}',
    "0.01.234.567 E srv  load_model: it broke",
    "2026-11-21T12:00:00.000000Z ERROR qdrant::actix: it broke",
    "ERROR:    it broke",
    "Traceback (most recent call last):",
]
FINE = [
    '{"level": "info", "logger": "uvicorn.error", "message": "Started server process [7]"}',
    '{"level": "WARNING", "message": "gc.freeze: 0 ERROR"}',
    "0.01.234.567 I srv  load_model: error rate 0",
    "2026-11-21T12:00:00.000000Z  INFO qdrant: no ERROR",
    "E",
    "",
    '{"level": "error"',
    "{}",
]


@pytest.mark.parametrize("line", ERRORS)
def test_what_a_service_calls_an_error_is_counted(line: str) -> None:
    assert find_errors([line, *FINE]).count == 1


def test_what_no_service_calls_an_error_is_not() -> None:
    assert find_errors(FINE).count == 0


def test_the_last_one_is_shown_in_its_own_words_and_cut() -> None:
    long = json.dumps({"level": "error", "message": "line one\nline two " + "x" * 500})
    found = find_errors([*ERRORS, long])
    assert found.count == len(ERRORS) + 1
    assert found.last.startswith("line one line two xxx")
    assert len(found.last) <= 160


@given(st.text(alphabet="abcdef0123456789", min_size=8))
def test_no_key_is_shown(key: str) -> None:
    line = json.dumps({"level": "error", "message": f"key {key}! is wrong, and so is sk-0123abc"})
    last = find_errors([line], secrets=[key, ""]).last
    assert key not in last
    assert "sk-0123abc" not in last


@given(st.lists(st.text() | st.text().map(lambda text: "{" + text) | st.text().map(lambda text: f"1 E {text}")))
def test_any_log_can_be_read(lines: list[str]) -> None:
    found = find_errors(lines)
    assert 0 <= found.count <= len(lines)
    assert "\n" not in found.last


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda one: st.dictionaries(st.text(), one)))
def test_any_json_can_stand_in_a_log(entry: object) -> None:
    line = json.dumps({"level": entry, "message": entry})
    assert find_errors([line, json.dumps(entry)]).count <= 2
