"""The command line: one JSON object with --json, one error with a hint, the documented exit code."""

from __future__ import annotations

import gc
import json
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from aisuite import __version__
from aisuite.cli.app import run
from aisuite.errors import INTERRUPTED

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = {
    "up": ["up", "--profile", "nowhere"],
    "down": ["down"],
    "status": ["status"],
    "health": ["health"],
    "restart": ["restart"],
    "watch": ["watch", "--install"],
    "eject": ["eject", "out", "--demo"],
    "clean": ["clean"],
    "upgrade": ["upgrade", "--profile", "nowhere"],
    "rollback": ["rollback"],
    "restore": ["restore"],
    "logs": ["logs", "rag"],
    "ps": ["ps"],
    "top": ["top"],
    "events": ["events", "--once"],
    "exec": ["exec", "rag", "true"],
    "failover-drill": ["failover-drill", "--list"],
    "backup": ["backup"],
    "backup.list": ["backup", "list"],
    "backup.verify": ["backup", "verify"],
    "backup.forget": ["backup", "forget"],
    "backup.schedule": ["backup", "schedule", "--with", "cron"],
    "evidence.list": ["evidence", "list"],
    "evidence.show": ["evidence", "show"],
    "render": ["render", "--profile", "nowhere"],
    "env": ["env"],
    "ask": ["ask", "hi"],
    "rag.index": ["rag", "index", "."],
    "rag.search": ["rag", "search", "hi"],
    "rag.ask": ["rag", "ask", "hi"],
    "rag.list": ["rag", "list"],
    "rag.rm": ["rag", "rm", "docs", "--all"],
    "rag.watch": ["rag", "watch", "."],
    "rag.eval": ["rag", "eval"],
    "gpu": ["gpu"],
    "validate-env": ["validate-env", "--profile", "nowhere"],
    "plan": ["plan", "--profile", "nowhere"],
    "models.list": ["models", "list", "--profile", "nowhere"],
    "models.pull": ["models", "pull", "--profile", "nowhere"],
    "images.list": ["images", "list", "--profile", "nowhere"],
    "images.pull": ["images", "pull", "--profile", "nowhere"],
    "images.build": ["images", "build", "--profile", "nowhere"],
    "images.save": ["images", "save", "folder", "--profile", "nowhere"],
    "images.load": ["images", "load", "folder"],
    "images.lock": ["images", "lock", "--profile", "nowhere"],
    "images.verify": ["images", "verify", "--profile", "nowhere"],
    "profile.list": ["profile", "list"],
    "profile.schema": ["profile", "schema"],
    "config.show": ["config", "show"],
}


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("AISUITE_PROJECT", "COMPOSE_PROJECT_NAME"):
        monkeypatch.delenv(name, raising=False)


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("\n") == 1
    found: dict[str, Any] = json.loads(captured.out)
    return found


@pytest.mark.parametrize(("command", "words"), COMMANDS.items(), ids=COMMANDS)
def test_json_is_one_object_with_schema_ok_and_exit_code(
    command: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    named = command.count(".") + 1
    code = run([*words[:named], "--json", *words[named:]])  # behind the service, `exec` takes it for the command's own
    found = _json(capsys)
    assert list(found)[:3] == ["schema", "ok", "exit_code"]
    assert found["schema"] == f"aisuite.{command}/1"
    assert found["exit_code"] == code
    assert found["ok"] is (code == 0)


def test_a_usage_error_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["up", "--nonsense", "--json"]) == 2
    found = _json(capsys)
    assert found["error"]["type"] == "UsageError"
    assert found["error"]["hint"] == "aisuite up --help"


def test_a_usage_error_in_a_group_names_the_whole_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rag", "index", "--json"]) == 2
    found = _json(capsys)
    assert found["schema"] == "aisuite.rag.index/1"
    assert found["error"]["hint"] == "aisuite rag index --help"


def test_an_error_has_a_message_and_a_hint_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["up", "--profile", "phase22"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert "phase2" in captured.err
    assert "\nhint:  " in captured.err


@pytest.mark.parametrize("words", [["ups"], ["up", "--phase", "7"], ["up", "--phase", "two"], ["exec"], ["up", "x"]])
def test_what_the_command_line_cannot_mean_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert "hint:" in capsys.readouterr().err


def test_demo_and_profile_together_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["up", "--demo", "--profile", "phase1"]) == 2
    assert "--demo" in capsys.readouterr().err


def test_a_flag_wins_over_the_profile_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AISUITE_PROFILE", "phase1")
    assert run(["config", "show", "--demo", "--json"]) == 0
    assert _json(capsys)["profile"] == "demo"
    assert run(["config", "show", "--json"]) == 0
    assert _json(capsys)["profile"] == "phase1"


@pytest.mark.parametrize("project", ["../up", "a/b", "", "-x", "A B"])
def test_a_project_name_that_is_no_folder_name_is_refused(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["down", f"--project={project}"]) == 2
    assert "--project" in capsys.readouterr().err


# The Docker SDK leaves the socket that it could not connect to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_docker_that_does_not_answer_is_refused_rather_than_replaced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    assert run(["up", "--demo", "--engine", "docker"]) == 3
    gc.collect()
    captured = capsys.readouterr()
    assert captured.out.startswith("engine docker (--engine), profile demo (--demo)")
    assert "nobody.sock" in captured.err


def test_composes_own_variable_names_the_project_where_ours_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "theirs")
    assert run(["env"]) == 5
    assert "/theirs" in capsys.readouterr().err
    monkeypatch.setenv("AISUITE_PROJECT", "ours")
    assert run(["env"]) == 5
    assert "/ours" in capsys.readouterr().err


def test_data_is_removed_only_after_a_yes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kept = tmp_path / ".aisuite" / "aisuite" / "data" / "qdrant"
    kept.mkdir(parents=True)
    description = kept.parents[1] / "process" / "services" / "qdrant.json"
    description.parent.mkdir(parents=True)
    description.write_text(json.dumps({"data": str(kept)}))
    assert run(["down", "--volumes"]) == 2
    captured = capsys.readouterr()
    assert str(kept) in captured.err
    assert "aisuite down --volumes --yes" in captured.err
    assert kept.is_dir()
    assert run(["down", "--volumes", "--yes"]) == 0
    assert capsys.readouterr().out == f"removed {kept}\n"
    assert not kept.exists()
    assert run(["down", "--volumes"]) == 0
    assert "docker volume ls" in capsys.readouterr().out


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "aisuite up --phase 2 --demo" in capsys.readouterr().out


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"aisuite {__version__}\n"


def test_quiet_prints_nothing_but_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["down", "--quiet"]) == 0
    assert run(["env", "--quiet"]) == 5
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error:")


def test_a_bug_ends_as_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("aisuite.cli.wiring.open_project", broken)
    assert run(["status"]) == 1
    assert "internal error: ZeroDivisionError: oops" in capsys.readouterr().err


def test_config_show_says_where_each_value_was_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("RAG_TOPK=7\nRAG_PORT=9002\n")
    monkeypatch.setenv("RAG_PORT", "9003")
    assert run(["config", "show", "--demo", "--origin", "--json"]) == 0
    values = _json(capsys)["values"]
    assert values["services.rag.topk"] == {"value": 7, "origin": ".env:1 RAG_TOPK"}
    assert values["ports.rag"] == {"value": 9003, "origin": "environment RAG_PORT"}
    assert values["timeouts.qdrant"]["origin"] == "default"


def test_a_library_that_fails_because_of_an_interruption_is_no_bug_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def half_imported(_deps: Any) -> Any:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        raise AttributeError("module 'requests' has no attribute 'exceptions'")

    monkeypatch.setattr("aisuite.ops.status.status", half_imported)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert run(["status"]) == INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capsys.readouterr().err.startswith("error: interrupted")
