"""`evidence` on the command line: the newest first, one of them in full, and where its files lie."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from aisuite.cli.app import run
from aisuite.ops.evidence import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = "20260101T000000Z-failover-drill", "20260102T000000Z-failover-drill"


@pytest.fixture(autouse=True)
def _kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("AISUITE_PROJECT", "COMPOSE_PROJECT_NAME", "AISUITE_STATE"):
        monkeypatch.delenv(name, raising=False)
    for one, outcomes in ((OLD, ["pass"]), (NEW, ["pass", "fail", "pass"])):
        folder = tmp_path / ".aisuite" / "aisuite" / "evidence" / one
        folder.mkdir(parents=True)
        report = {
            "schema": SCHEMA,
            "command": "failover-drill",
            "began": "2026-01-01T00:00:00+00:00",
            "outcome": "ended",
            "trials": [{"outcome": outcome} for outcome in outcomes],
        }
        (folder / "report.json").write_text(json.dumps(report))
        (folder / "report.md").write_text(f"# {one}\n")


def test_all_are_listed_with_their_verdicts_the_newest_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evidence", "list"]) == 0
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split()[:2] == [NEW, "failover-drill"]
    assert first.endswith("2 pass, 1 fail")
    assert second.startswith(OLD)


@pytest.mark.parametrize(("words", "one"), [([], NEW), ([OLD], OLD), (["20260101"], OLD)])
def test_one_is_shown_with_its_folder(words: list[str], one: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evidence", "show", *words]) == 0
    heading, _, folder = capsys.readouterr().out.splitlines()
    assert heading == f"# {one}"
    assert folder.endswith(f"/evidence/{one}")


def test_as_json_the_kept_report_is_inside(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evidence", "show", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["id"] == NEW
    assert found["report"]["schema"] == SCHEMA


@pytest.mark.parametrize("wanted", ["nothing", "2026"])
def test_what_is_none_or_several_is_refused_with_the_way_to_the_list(
    wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evidence", "show", wanted]) == 2
    assert "aisuite evidence list" in capsys.readouterr().err


def test_a_project_without_evidence_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evidence", "list", "--project", "other"]) == 0
    assert "there is no evidence yet" in capsys.readouterr().out
