"""What rounds of drills leave behind: the figures of each trial, and one table of them all.

A round is one run of benchmarks/drill.py. Rounds of several days, each with some of the faults, come together here:
medians can only be taken over trials, so a round keeps every trial and no spread.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aisuite.drill.catalogue import CATALOGUE
from aisuite.drill.figures import matrix_success
from aisuite.drill.model import Judged, Outcome, Trial
from aisuite.drill.summary import Spread, Summary, summarize
from aisuite.drill.verdict import AT_LEAST

SCHEMA = "aisuite.drill-figures/2"
# Figure -> column head; shares in percent, all else in seconds.
COLUMNS = {
    "plain": "plain requests",
    "plain_success": "succeeded",
    "p99_added": "p99 added, s",
    "first_good": "first good, s",
    "in_flight": "longest in flight, s",
    "explicit_error": "longest to an error, s",
    "healthy_again": "ready again, s",
    "back_on_first": "first choice again, s",
    "recovers": "recovers, s",
    "streams_marked": "streams marked",
}
SHARES = frozenset({"plain_success", "streams_marked"})
_ORDER = {name: place for place, name in enumerate(CATALOGUE)}


@dataclass(frozen=True)
class Round:
    """One run of the benchmark, and where and how it was made."""

    head: Mapping[str, Any]  # engine, ended, options, machine, versions
    trials: tuple[Trial, ...]

    @property
    def engine(self) -> str:
        """Return the engine whose services were broken."""
        return str(self.head["engine"])


def write_round(found: Round) -> str:
    """Return a round as JSON, a line for each trial.

    Nothing that tells a machine's folders or names: what is not listed here stays out.
    """
    names = ("ended", "engine", "options", "machine", "versions")
    head = {"schema": SCHEMA} | {name: found.head[name] for name in names}
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    trials = ",\n".join(f"    {json.dumps(_as_json(trial))}" for trial in found.trials)
    return "{\n" + ",\n".join([*lines, f'  "trials": [\n{trials}\n  ]']) + "\n}\n"


def read_round(path: Path) -> Round:
    """Read what `write_round` has written. Raises SystemExit for any other file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["schema"] == SCHEMA:
            return Round(found, tuple(map(_from_json, found["trials"])))
    except (ValueError, KeyError, TypeError) as err:
        raise SystemExit(f"{path}: no round of drills: {err!r}") from err
    raise SystemExit(f"{path}: its schema is {found['schema']!r}, wanted {SCHEMA!r}")


def _as_json(trial: Trial) -> dict[str, Any]:
    return {
        "fault": trial.fault,
        "outcome": trial.outcome,
        "why": trial.why,
        "bounds": {one.name: round(one.bound, 3) for one in trial.judged},
        "figures": {name: value if value is None else round(value, 5) for name, value in trial.figures.items()},
        "restarted": dict(trial.restarted),
    }


def _from_json(found: Mapping[str, Any]) -> Trial:
    figures = found["figures"]
    return Trial(
        fault=found["fault"],
        outcome=Outcome(found["outcome"]),
        why=found["why"],
        judged=tuple(_judged(name, bound, figures.get(name)) for name, bound in found["bounds"].items()),
        figures=figures,
        restarted=found["restarted"],
    )


def _judged(name: str, bound: float, measured: float | None) -> Judged:
    held = measured is not None and (measured >= bound if name in AT_LEAST else measured <= bound)
    return Judged(name, bound, measured, held)


def tables(rounds: Sequence[Round]) -> str:
    """Return one Markdown table for each engine, over all its rounds, and what does not fit into a table."""
    engines = dict.fromkeys(one.engine for one in rounds)
    return "\n\n".join(_table(engine, [one for one in rounds if one.engine == engine]) for engine in engines)


def _table(engine: str, rounds: Sequence[Round]) -> str:
    trials = sorted((trial for one in rounds for trial in one.trials), key=lambda one: _ORDER.get(one.fault, 0))
    made = [trial for trial in trials if trial.figures]
    rows = [_row(one, made) for one in summarize(made)]
    head = ["fault", "verdict", *COLUMNS.values()]
    parts = [
        f"### Engine {engine}\n",
        *("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)),
        "\nOf several trials the least, the median and the most.\n",
        *_remarks(trials),
        *_success(made),
        *(_origin(one) for one in rounds),
    ]
    return "\n".join(parts)


def _row(one: Summary, trials: Iterable[Trial]) -> list[str]:
    outcomes = Counter(trial.outcome for trial in trials if trial.fault == one.fault)
    verdict = ", ".join(f"{outcome} {times}" for outcome, times in sorted(outcomes.items(), key=lambda it: -it[1]))
    return [one.fault, f"{verdict} of {one.runs}", *(_cell(name, one.figures.get(name)) for name in COLUMNS)]


def _remarks(trials: Sequence[Trial]) -> Iterator[str]:
    """Say for every trial that did not pass why not; what happened alike, once."""
    reasons = Counter((one.fault, str(one.outcome), one.why) for one in trials if one.outcome is not Outcome.PASS)
    for (fault, outcome, why), times in reasons.items():
        yield f"- {fault}: {outcome if times == 1 else f'{outcome}, {times} times'}: {why}"


def _success(made: Iterable[Trial]) -> Iterator[str]:
    share = matrix_success((CATALOGUE[trial.fault], trial.figures) for trial in made)
    if share is not None:
        yield f"- All trials, outages left out: {share:.3%} of the plain requests succeeded."


def _origin(one: Round) -> str:
    head, count = one.head, sum(bool(trial.figures) for trial in one.trials)
    return f"- {head['ended'][:16]}: {count} trials, {head['options']}; {head['machine']}"


def _cell(name: str, spread: Spread | None) -> str:
    if spread is None:
        return ""
    written = [_written(name, value) for value in (spread.least, spread.median, spread.most)]
    return " / ".join(written) if len(set(written)) > 1 else written[0]


def _written(name: str, value: float) -> str:
    if name in SHARES:
        return f"{value:.2%}"
    return f"{value:.0f}" if name == "plain" else f"{value:.2f}"
