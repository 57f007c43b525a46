"""`failover-drill` on the command line: what it takes from the profile, and how it shows what came of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from aisuite.cli.app import run
from aisuite.cli.drilling import faults_of, read_old
from aisuite.cli.output import Output
from aisuite.cli.view.drill import report_json, report_text
from aisuite.drill.catalogue import CATALOGUE
from aisuite.drill.model import Judged, Outcome, Trial
from aisuite.errors import UsageError
from aisuite.ops.failover_drill import DrillReport
from aisuite.profile.drill import Bounds, Drill

if TYPE_CHECKING:
    from pathlib import Path

OUT = Output("failover-drill", no_color=True)


def _trial(fault: str, outcome: Outcome, p99: float) -> Trial:
    judged = (Judged("p99_added", 0.5, p99, held=p99 <= 0.5),)
    return Trial(fault, outcome, f"p99_added is {p99}", judged, {"p99_added": p99, "plain_success": 0.9991})


TRIALS = (
    _trial("kill", Outcome.PASS, 0.1),
    _trial("kill", Outcome.FAIL, 0.7),
    Trial("dns", Outcome.NOT_AVAILABLE, "it needs containers"),
    Trial("oom", Outcome.NOT_AVAILABLE, "it needs containers"),
)


def test_bounds_of_the_profile_are_taken_and_the_others_stay() -> None:
    settings = Drill(tolerances={"kill": Bounds(p99_added=2.0, first_good=None)})
    (kill,) = faults_of("kill", settings)
    assert kill.tolerance.p99_added == 2.0
    assert kill.tolerance.first_good is None
    assert kill.tolerance.healthy_again == CATALOGUE["kill"].tolerance.healthy_again


def test_spaces_between_names_do_no_harm() -> None:
    assert [fault.name for fault in faults_of("kill, hang")] == ["kill", "hang"]


@pytest.mark.parametrize("only", ["kill,", "", "kil", "kill hang"])
def test_a_name_that_is_none_is_refused(only: str) -> None:
    with pytest.raises(UsageError):
        faults_of(only)


def test_of_repeated_trials_least_median_and_most_are_shown() -> None:
    text = report_text(DrillReport(TRIALS, 0.9991, 61.0), (), OUT)
    assert "fail (1 of 2 passed)" in text
    assert "0.10 / 0.40 / 0.70" in text
    assert "99.91% of the plain requests succeeded outside outages (wanted 99.5%)" in text


def test_faults_that_cannot_be_made_for_the_same_reason_share_a_line() -> None:
    assert "\ndns, oom: it needs containers" in report_text(DrillReport(TRIALS, None, 1.0), (), OUT)


def test_an_older_drill_stands_beside_the_new_one() -> None:
    old = (_trial("kill", Outcome.PASS, 0.1),)
    report = DrillReport(TRIALS, 0.9991, 61.0)
    assert "kill: pass -> fail (worse); p99_added 0.10 -> 0.40" in report_text(report, old, OUT)
    assert [one["worse"] for one in report_json(report, old)["compared"]] == [True, False, False]


def test_a_report_can_be_compared_with_itself(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_text(json.dumps(report_json(DrillReport(TRIALS, 0.9991, 61.0))))
    assert [one.outcome for one in read_old(file)] == [one.outcome for one in TRIALS]


@pytest.mark.parametrize("text", [None, "", "{}", '{"trials": [{"fault": "kill", "outcome": "fine"}]}'])
def test_an_older_report_that_is_none_is_refused_before_anything_is_broken(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "old.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match=r"--compare .*old.json"):
        read_old(file)


def test_too_many_lost_requests_in_all_are_a_failure_even_when_every_bound_held() -> None:
    passed = (_trial("kill", Outcome.PASS, 0.1),)
    assert DrillReport(passed, 0.9951, 1.0).exit_code == 0
    assert DrillReport(passed, 0.9949, 1.0).exit_code == 6


def test_all_faults_are_listed_where_nothing_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["drill", "--list"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n{name} " in text for name in CATALOGUE)
    assert run(["drill", "--list", "--json", "--only", "error"]) == 0
    assert [one["fault"] for one in json.loads(capsys.readouterr().out)["faults"]] == [
        "error-500",
        "error-503",
        "error-429",
        "error-garbage",
    ]


@pytest.mark.parametrize("words", [[], ["--dry-run"], ["--undo"]])
def test_nothing_can_be_drilled_where_nothing_is_up(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["drill", *words]) == 5
    assert "nothing was started" in capsys.readouterr().err
