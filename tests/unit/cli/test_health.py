"""How `health` is shown, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from aisuite.cli.app import run
from aisuite.cli.output import Output
from aisuite.cli.view.health import frame, health_json, health_text
from aisuite.errors import NotRunning
from aisuite.ops.health import HealthReport
from aisuite.ops.health_judge import Finding, Outcome, Sighting, Verdict
from aisuite.ops.log_errors import LogErrors
from aisuite.ops.record import record_of
from aisuite.plan.observed import State
from tests.docs.pages import REFERENCE, find_blocks
from tests.fakes.stacks import phase2_stack

RECORD = record_of(phase2_stack(), {}, None)
OUT = Output("health", no_color=True)
GONE = Sighting("qdrant", "vectordb", "http://127.0.0.1:6333", None)
RAG = Sighting(
    name="rag",
    role="rag",
    url="http://127.0.0.1:8002",
    state=State.RUNNING,
    alive=True,
    reason="HTTP 503",
    seconds=0.0123,
    dependencies={"qdrant": "it does not answer", "embedding": "ok"},
    restarts=2,
    errors=LogErrors(3, "it broke"),
)
FINDINGS = (
    Finding("ready", "embedding", Outcome.PASS, "ready"),
    Finding("ready", "rag", Outcome.FAIL, "it is not ready", "aisuite logs rag"),
    Finding("log", "rag", Outcome.NOTE, "3 errors", "aisuite logs rag"),
    Finding("p95", "api-gateway", Outcome.PASS, "p95 9 ms"),
)
ILL = HealthReport(RECORD, Verdict.DEGRADED, (RAG, GONE), FINDINGS, 30.04)


def test_each_service_is_a_row_that_marks_what_it_misses() -> None:
    rows = [line.split() for line in health_text(ILL, OUT).splitlines()]
    assert rows[1] == ["rag", "running", "unhealthy", "12", "ms", "2", "3", "qdrant", "(!),", "embedding"]
    assert rows[2] == ["qdrant", "absent", "-", "-", "0", "0", "-"]


def test_words_and_signs_say_what_fails_with_its_fix_and_the_last_line_names_it() -> None:
    lines = health_text(ILL, OUT).splitlines()
    assert "✗ FAIL  rag: it is not ready" in lines
    assert lines[lines.index("✗ FAIL  rag: it is not ready") + 1].strip() == "fix: aisuite logs rag"
    assert "i NOTE  rag: 3 errors" in lines
    assert "✓ PASS  api-gateway: p95 9 ms" in lines
    assert not any("embedding: ready" in line for line in lines)  # stands in the table
    assert lines[-1] == "DEGRADED (looked for 30.0 s): rag"


def test_a_healthy_stack_ends_with_that_word() -> None:
    assert health_text(HealthReport(RECORD, Verdict.HEALTHY, (), (), 0.2), OUT).endswith("\nhealthy (looked for 0.2 s)")


def test_a_service_that_does_not_answer_at_all_is_silent() -> None:
    hung = Sighting("rag", "rag", "http://127.0.0.1:8002", State.RUNNING, alive=False, seconds=5.0)
    assert "silent" in health_text(HealthReport(RECORD, Verdict.DEGRADED, (hung,), (), 5.0), OUT)


def test_the_documented_json_has_the_fields_that_are_printed() -> None:
    documented = next(
        example
        for block in find_blocks(REFERENCE / "json.md")
        if block.language == "json" and (example := json.loads(block.text))["schema"] == "aisuite.health/1"
    )
    printed = json.loads(json.dumps(health_json(ILL)))
    assert list(printed) == list(documented)[3:]
    assert list(printed["services"][0]) == list(documented["services"][0])
    assert list(documented["findings"][0]) == [one.name for one in fields(Finding)]
    assert (printed["services"][1]["state"], printed["services"][1]["seconds"]) == ("absent", None)


def test_a_live_table_takes_the_place_of_the_one_before_only_on_a_terminal() -> None:
    assert frame(ILL, OUT, clear=True).startswith("\033[H")
    assert "\033" not in frame(ILL, OUT, clear=False)
    assert frame(NotRunning("nothing was started here"), OUT, clear=False).strip() == "nothing was started here"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["health"], 5, "nothing was started"),
        (["health", "--watch", "--json"], 2, "aisuite health --json"),
        (["health", "--watch", "--deep"], 2, "aisuite health --deep"),
        (["health", "--watch", "--evidence"], 2, "aisuite health --evidence"),
        (["health", "--evidence"], 5, "nothing was started"),
        (["health", "--timeout", "-1"], 2, "--timeout"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_can(
    words: list[str],
    code: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(words) == code
    captured = capsys.readouterr()
    assert says in captured.out + captured.err
