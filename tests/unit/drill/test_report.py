"""The report for people: every verdict, every figure, and nothing that breaks its tables."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from aisuite.drill.model import Judged, Outcome, Trial
from aisuite.drill.report import format_report, format_table, trial_folder

KILL = Trial(
    "kill",
    Outcome.FAIL,
    "first_good is 1.2, wanted <= 0.5",
    judged=(Judged("first_good", 0.5, 1.2, held=False), Judged("plain_success", 1.0, 0.995, held=False)),
    figures={"plain": 400.0, "plain_success": 0.995, "first_good": 1.2, "back_on_first": None},
    errors={"plain 500: <b>gone</b> | again": 2},
    restarted={"rag": "restarted once, after exit code -9"},
)
DNS = Trial("dns", Outcome.NOT_AVAILABLE, "there are no names here")


def test_every_fault_has_its_verdict_and_why() -> None:
    report = format_report("failover-drill", {"project": "mine"}, [KILL, DNS])
    assert "| project | mine |" in report
    assert "| kill | fail | first_good is 1.2, wanted <= 0.5 |" in report
    assert "| dns | not available here | there are no names here |" in report


def test_a_trial_tells_its_bounds_figures_errors_and_where_its_picture_is() -> None:
    report = format_report("failover-drill", {}, [DNS, KILL])
    assert "![What clients saw](trials/02-kill/timeline.svg)" in report
    assert "| first_good | <= 0.500 s | 1.200 s | **broken** |" in report
    assert "| plain_success | >= 100.00% | 99.50% | **broken** |" in report
    assert "| plain | 400 |" in report
    assert "| back_on_first | - |" in report
    assert "| plain 500: &lt;b>gone&lt;/b> \\| again | 2 |" in report
    assert "| rag | restarted once, after exit code -9 | [its log](trials/02-kill/logs/rag.log) |" in report


def test_a_fault_that_was_not_made_has_a_verdict_only() -> None:
    assert "## 1." not in format_report("failover-drill", {}, [DNS])


def test_a_command_without_trials_shows_what_it_printed_as_it_is() -> None:
    report = format_report("health", {}, [], "SERVICE  STATE\n# rag | up\n")
    assert report.endswith("\n\n    SERVICE  STATE\n    # rag | up\n")
    assert "Verdicts" not in report


def test_a_bound_on_what_never_happened_says_so() -> None:
    judged = (Judged("recovers", 5.0, None, held=False),)
    assert "| recovers | <= 5.000 s | never happened | **broken** |" in format_report(
        "", {}, [replace(KILL, judged=judged)]
    )


def test_folders_of_trials_sort_as_they_were_made() -> None:
    folders = [trial_folder(number, KILL) for number in (1, 2, 10)]
    assert folders == sorted(folders)


@given(st.lists(st.tuples(st.text(), st.text()), max_size=4))
def test_no_text_breaks_a_table(rows: list[tuple[str, str]]) -> None:
    lines = format_table(("a", "b"), rows).split("\n")
    assert len(lines) == 2 + len(rows)
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines)
