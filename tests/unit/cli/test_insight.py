"""How logs, events, ps and top are shown; which options go together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aisuite.cli.app import run
from aisuite.cli.options import pull_policy
from aisuite.cli.output import Output
from aisuite.cli.view import insight as view
from aisuite.errors import UsageError
from aisuite.ops.ps import PsReport
from aisuite.ops.top import TopReport
from aisuite.ports import EngineEvent, Listed, Task

OUT = Output("ps", no_color=True)
RAG = Listed(
    service="rag",
    name="suite-rag-1",
    state="running",
    health="healthy",
    image="aisuite/service:1",
    command="python -m aisuite.services.rag " + "x" * 60,
    started_at=1_795_251_900.5,
    exit_code=None,
    ports=("127.0.0.1:8002->8002",),
)


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("AISUITE_PROJECT", "COMPOSE_PROJECT_NAME"):
        monkeypatch.delenv(name, raising=False)


def test_lines_of_several_services_stand_behind_their_names() -> None:
    lines = [("rag", "one"), ("embedding", "two"), ("rag", "three")]
    assert list(view.log_lines(lines, named=True)) == ["rag | one\n", "embedding | two\n", "rag       | three\n"]
    assert list(view.log_lines(lines[:1], named=False)) == ["one\n"]
    assert view.logs_json(lines)["logs"] == [
        {"service": "rag", "lines": ["one", "three"]},
        {"service": "embedding", "lines": ["two"]},
    ]


def test_a_list_tells_health_exit_codes_and_what_it_leaves_out() -> None:
    ended = replace(RAG, service="qdrant", state="exited", health=None, exit_code=3, started_at=None, ports=())
    text = view.ps_text(PsReport((RAG, ended), 2), OUT)
    assert "running (healthy)" in text
    assert "exited (3)" in text
    assert "2026-11-21T09:05:00.500+00:00" in text
    assert "x" * 60 not in text  # a long command is cut
    assert text.endswith("2 do not run: aisuite ps --all")
    assert view.ps_text(PsReport((), 0), OUT) == "nothing is running"


def test_processes_are_told_in_mib_and_hours() -> None:
    task = Task(42, "me", 12.34, 3 * 2**20, 3_725.0, "python")
    text = view.top_text(TopReport({"rag": (task,), "qdrant": ()}), OUT)
    assert text.splitlines()[1].split() == ["rag", "42", "me", "12.3", "%", "3.0", "MiB", "1:02:05", "python"]
    assert view.top_text(TopReport({"rag": ()}), OUT) == "nothing is running"


def test_an_event_is_one_line() -> None:
    event = EngineEvent(1_795_251_900.5, "rag", "die", "exit code 0")
    assert view.event_line(event) == "2026-11-21T09:05:00.500+00:00 rag die exit code 0\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["events", "--json"], "aisuite events --once --json"),
        (["events", "--since", "yesterday"], "aisuite events --since 10m"),
        (["logs", "rag", "--follow", "--json"], "aisuite logs rag --follow"),
        (["exec", "rag", "--"], "aisuite exec rag -- env"),
        (["up", "--pull", "sometimes"], "aisuite up --pull missing"),
        (["up", "--pull", "always", "--offline"], "aisuite up --pull never"),
    ],
)
def test_what_cannot_go_together_is_refused_with_what_can(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    captured = capsys.readouterr()
    assert hint in captured.out + captured.err


def test_offline_means_never_and_a_policy_keeps_its_word() -> None:
    assert pull_policy("aisuite up --pull", "missing", offline=True) == "never"
    assert pull_policy("aisuite up --pull", "always", offline=False) == "always"
    with pytest.raises(UsageError, match="--pull x"):
        pull_policy("aisuite up --pull", "x", offline=False)


@pytest.mark.parametrize("command", ["top", "events", "logs"])
def test_where_nothing_was_started_there_is_nothing_to_look_at(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command]) == 5
    assert "nothing was started" in capsys.readouterr().err
