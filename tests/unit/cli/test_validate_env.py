"""`aisuite validate-env` on the command line."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from aisuite.cli.app import run
from aisuite.preflight.catalogue import CHECKS

if TYPE_CHECKING:
    from pathlib import Path

KEY = "OPENAI_API_KEY=0123456789abcdef\n"


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("AISUITE_PROJECT", "COMPOSE_PROJECT_NAME", "AISUITE_PROFILE"):
        monkeypatch.delenv(name, raising=False)


def rows(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return {one["id"]: one for one in json.loads(capsys.readouterr().out)["checks"]}


def test_json_has_every_check_with_what_is_wanted_and_where_it_is_explained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(["validate-env", "--demo", "--json"])
    found = rows(capsys)
    assert list(found) == [one.id for one in CHECKS]
    assert all(one["wanted"] and one["measured"] for one in found.values())
    assert found["PORT-001"]["docs"] == "docs/reference/checks.md#port-001"


def test_a_port_that_somebody_holds_ends_with_3_and_says_who(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (tmp_path / "mine.yaml").write_text(f"extends: demo\nports: {{rag: {port}}}\n")
        assert run(["doctor", "--profile", "./mine.yaml", "--only", "PORT-001", "--no-color"]) == 3
    said = capsys.readouterr().out
    assert "✗ FAIL  PORT-001" in said
    assert f"port {port} for rag is held by " in said
    assert "wanted: every port of the stack" in said
    assert "this machine cannot run the stack as it is: 0 passed, 1 failed" in said


def test_what_is_up_is_checked_when_nothing_else_is_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = {"schema": "aisuite.record/1", "project": "aisuite", "engine": "process", "profile": "demo", "phase": 1}
    file = tmp_path / ".aisuite" / "aisuite" / "stack.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({**record, "routes": [], "services": []}))
    command = ["validate-env", "--only", "PORT-002", "--json"]
    for words, profile, phase in ((command, "demo", 1), ([*command, "--phase", "2"], "phase2", 2)):
        run(words)
        found = json.loads(capsys.readouterr().out)
        assert (found["profile"], found["phase"]) == (profile, phase)


def test_nothing_is_written_where_nothing_is_to_be_fixed(tmp_path: Path) -> None:
    assert run(["validate-env", "--demo", "--only", "SECRET,GIT,DISK-002", "--fix", "-q"]) == 0
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_as_evidence_is_the_report_without_a_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text(KEY)
    (tmp_path / ".env").chmod(0o644)
    assert run(["validate-env", "--demo", "--only", "SECRET,GIT", "--evidence", "--json"]) == 3
    one = json.loads(capsys.readouterr().out)["evidence"]
    folder = tmp_path / ".aisuite" / "aisuite" / "evidence" / one
    report = json.loads((folder / "report.json").read_text())
    assert (report["outcome"], report["exit_code"], report["command"]) == ("ended", 3, "validate-env")
    assert {row["id"] for row in report["checks"] if row["outcome"] == "fail"} == {"SECRET-001"}
    assert "✗ FAIL  SECRET-001" in (folder / "report.md").read_text()
    assert not any("0123456789abcdef" in file.read_text() for file in folder.iterdir())
    assert run(["evidence", "list"]) == 0
    assert "1 fail" in capsys.readouterr().out


def test_evidence_is_kept_also_where_no_engine_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    command = ["validate-env", "--demo", "--engine", "docker", "--only", "DOCKER-001", "--evidence"]
    assert run(command) == 3
    said = capsys.readouterr().out
    assert "FAIL  DOCKER-001" in said
    assert f"aisuite evidence show {next((tmp_path / '.aisuite/aisuite/evidence').iterdir()).name}" in said


def test_fix_says_what_it_does_and_closes_an_open_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = tmp_path / ".env"
    env.write_text(KEY)
    env.chmod(0o644)
    only = ["validate-env", "--demo", "--only", "SECRET-001"]
    assert run(only) == 3
    assert env.stat().st_mode & 0o777 == 0o644
    capsys.readouterr()
    assert run([*only, "--fix"]) == 0
    assert env.stat().st_mode & 0o777 == 0o600
    assert f"fix: chmod go= {env}" in capsys.readouterr().out.splitlines()
    assert run([*only, "--fix", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["repaired"] == []


def test_no_secret_is_ever_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=hunter2-hunter2\n")
    assert run(["validate-env", "--demo", "--only", "SECRET", "--json"]) == 3
    assert "hunter2" not in capsys.readouterr().out


def test_a_warning_fails_where_that_is_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.yaml").write_text("extends: demo\nbind: 0.0.0.0\n")
    command = ["validate-env", "--profile", "./mine.yaml", "--only", "PORT-002"]
    assert run(command) == 0
    assert "ready: 0 passed, 1 warning" in capsys.readouterr().out
    assert run([*command, "--strict"]) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "PROT"], "there is no check PROT; did you mean PORT?"),
        (["--only", "PORT", "--skip", "PORT"], "--only and --skip leave no check"),
        (["--skip", ""], "there is no check"),
    ],
)
def test_a_choice_that_cannot_be_meant_is_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate-env", "--demo", *words]) == 2
    assert said in capsys.readouterr().err


def test_an_engine_that_is_not_there_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert run(["validate-env", "--demo", "--engine", "docker", "--skip", "PORT,DISK,MEMORY", "--json"]) == 3
    found = rows(capsys)
    failed = [name for name, one in found.items() if one["outcome"] == "fail"]
    assert failed == ["DOCKER-001"]


def test_a_machine_without_models_and_card_gets_one_finding_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate-env", "--phase", "2", "--only", "MODEL,GPU,MEMORY", "--json"]) == 3
    found = rows(capsys)
    assert found["MODEL-001"]["fix"] == "aisuite models pull --phase 2"
    assert found["GPU-006"]["outcome"] == "skip"
