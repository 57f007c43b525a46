"""What the benchmark of faults keeps of its rounds, and the table that it makes of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from aisuite.drill.model import Judged, Outcome, Trial

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
HEAD = {
    "ended": "2026-01-01T00:00:00+00:00",
    "engine": "process",
    "options": "--repeat 3",
    "machine": "a machine, 2 cores",
    "versions": {"aisuite": "0.1.0"},
    "folder": "/home/somebody",
}
PLAIN = {"plain": 100.0, "plain_good": 100.0}


def trial(first_good: float, outcome: Outcome = Outcome.PASS, why: str = "all bounds held") -> Trial:
    judged = (Judged("first_good", 0.5, first_good, held=first_good <= 0.5),)
    figures = {**PLAIN, "first_good": first_good, "back_on_first": None}
    return Trial("kill", outcome, why, judged, figures, errors={"plain: at /home/somebody": 1})


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "run", raising=False)  # others have one, too
    return import_module("drill_rounds")


@pytest.fixture
def drill(rounds: Any) -> Any:  # they lie side by side
    return import_module("drill")


def written(rounds: Any, *trials: Trial, **head: str) -> str:
    text: str = rounds.write_round(rounds.Round({**HEAD, **head}, trials))
    return text


def read(rounds: Any, folder: Path, text: str) -> Any:
    path = folder / "round.json"
    path.write_text(text)
    return rounds.read_round(path)


def test_every_trial_is_a_line_with_its_figures_and_bounds(rounds: Any) -> None:
    text = written(rounds, trial(0.123456), trial(0.2))
    kept = json.loads(text)
    assert (kept["machine"], kept["options"], kept["engine"]) == ("a machine, 2 cores", "--repeat 3", "process")
    assert [one["figures"]["first_good"] for one in kept["trials"]] == [0.12346, 0.2]
    assert [one["bounds"] for one in kept["trials"]] == [{"first_good": 0.5}] * 2
    assert sum('"kill"' in line for line in text.splitlines()) == 2


def test_nothing_that_names_a_machine_or_its_folders_is_kept(rounds: Any) -> None:
    assert "somebody" not in written(rounds, trial(0.1))


def test_what_was_written_is_read_back(rounds: Any, tmp_path: Path) -> None:
    made = trial(0.7, Outcome.FAIL, "first_good is 0.7, wanted <= 0.5")
    (back,) = read(rounds, tmp_path, written(rounds, made)).trials
    assert (back.fault, back.outcome, back.why, back.judged) == (made.fault, made.outcome, made.why, made.judged)
    assert back.figures == made.figures


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "aisuite.drill-figures/1", "faults": []}'])
def test_a_file_that_is_no_round_is_refused_by_its_name(rounds: Any, tmp_path: Path, text: str) -> None:
    with pytest.raises(SystemExit, match=r"round\.json"):
        read(rounds, tmp_path, text)


def test_rounds_of_one_engine_come_to_one_table_over_all_their_trials(rounds: Any) -> None:
    found = [rounds.Round(HEAD, (trial(0.1), trial(0.2))), rounds.Round(HEAD, (trial(0.6, Outcome.FAIL, "too late"),))]
    (row,) = [line for line in rounds.tables(found).splitlines() if line.startswith("| kill")]
    assert row.startswith("| kill | pass 2, fail 1 of 3 | 100 |")
    assert "| 0.10 / 0.20 / 0.60 |" in row
    assert "- kill: fail: too late" in rounds.tables(found)


def test_each_engine_has_a_table_of_its_own(rounds: Any) -> None:
    found = [rounds.Round({**HEAD, "engine": name}, (trial(0.1),)) for name in ("process", "docker", "process")]
    heads = [line for line in rounds.tables(found).splitlines() if line.startswith("###")]
    assert heads == ["### Engine process", "### Engine docker"]


def test_a_trial_that_was_not_begun_counts_for_nothing_and_is_told(rounds: Any) -> None:
    lost = Trial("poison", Outcome.FAIL, "not begun: the stack is not steady")
    text = rounds.tables([rounds.Round(HEAD, (trial(0.1), lost, lost))])
    assert "| poison" not in text
    assert "- poison: fail, 2 times: not begun: the stack is not steady" in text


def test_the_rounds_that_are_kept_here_can_be_read(rounds: Any) -> None:
    found = [rounds.read_round(path) for path in sorted((BENCHMARKS / "evidence").glob("drill-*.json"))]
    assert {one.engine for one in found} == {"process", "docker"}
    assert "| kill | pass" in rounds.tables(found)


class Suite:
    """Answers every drill with the next report; counts how often it was brought up again."""

    def __init__(self, *reports: Mapping[str, Any]) -> None:
        self.asked: list[Sequence[str]] = []
        self.ups = 0
        self._reports = list(reports)

    def drill(self, options: Sequence[str]) -> Mapping[str, Any]:
        self.asked.append(options)
        return self._reports.pop(0)

    def up(self) -> None:
        self.ups += 1


REFUSED: Mapping[str, Any] = {"error": {"message": "the stack is not steady", "hint": "aisuite health"}}
LOST = {"fault": "kill", "outcome": "fail", "why": "not begun: rag is absent", "judged": [], "figures": {}}
GOOD = {"fault": "kill", "outcome": "pass", "why": "all bounds held", "judged": [], "figures": PLAIN}


@pytest.fixture
def made(drill: Any) -> Callable[[Suite], list[Trial]]:
    return lambda suite: drill._drill(suite, "kill", 2, ["--duration", "5"])


def test_trials_that_could_not_be_begun_are_made_again_on_a_suite_that_was_set_up_again(
    made: Callable[[Suite], list[Trial]],
) -> None:
    suite = Suite({"trials": [GOOD, LOST], "seconds": 9.0}, REFUSED, {"trials": [GOOD], "seconds": 5.0})
    assert [one.outcome for one in made(suite)] == [Outcome.PASS] * 2
    assert [options[3] for options in suite.asked] == ["2", "1", "1"]
    assert suite.ups == 2


def test_after_three_tries_the_next_fault_has_its_turn(made: Callable[[Suite], list[Trial]]) -> None:
    suite = Suite(REFUSED, REFUSED, {"trials": [GOOD, LOST], "seconds": 9.0})
    assert [one.why for one in made(suite)] == ["all bounds held", "not begun: rag is absent"]
    assert suite.ups == 3
