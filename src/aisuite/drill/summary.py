"""Several trials of each fault as one line, and a drill beside an earlier one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from aisuite.drill.model import Judged, Outcome, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WORST_FIRST = (Outcome.FAIL, Outcome.DEGRADED, Outcome.PASS, Outcome.NOT_AVAILABLE)


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over several trials."""

    least: float
    median: float
    most: float


@dataclass(frozen=True, slots=True)
class Summary:
    """All trials of one fault."""

    fault: str
    outcome: Outcome  # the worst
    why: str  # of that one
    runs: int
    passed: int
    figures: Mapping[str, Spread]  # without those that never happened
    bounds: Mapping[str, float]  # of the figures that are judged


@dataclass(frozen=True, slots=True)
class Compared:
    """One fault in two drills; None where the older one had it not."""

    fault: str
    old: Outcome | None
    new: Outcome
    medians: Mapping[str, tuple[float | None, float | None]]  # judged figure -> old, new

    @property
    def worse(self) -> bool:
        """Whether the verdict is a worse one than before."""
        return self.old is not None and _WORST_FIRST.index(self.new) < _WORST_FIRST.index(self.old)


def summarize(trials: Iterable[Trial]) -> tuple[Summary, ...]:
    """Return one summary for each fault, in the order of their first trials."""
    grouped: dict[str, list[Trial]] = {}
    for trial in trials:
        grouped.setdefault(trial.fault, []).append(trial)
    return tuple(_summary(fault, made) for fault, made in grouped.items())


def compare(old: Iterable[Trial], new: Iterable[Trial]) -> tuple[Compared, ...]:
    """Return every fault of the new drill beside the old one."""
    before = {one.fault: one for one in summarize(old)}
    return tuple(_compared(before.get(one.fault), one) for one in summarize(new))


def parse_trials(text: str) -> tuple[Trial, ...]:
    """Read the trials of a drill's JSON report. Raises ValueError."""
    content = json.loads(text)
    trials = content.get("trials") if isinstance(content, dict) else None
    if not isinstance(trials, list):
        raise ValueError("it holds no trials")  # noqa: TRY004  one kind of error for whatever is wrong
    try:
        return tuple(_trial(one) for one in trials)
    except (TypeError, KeyError, AttributeError) as err:
        raise ValueError(f"a trial in it is broken: {err!r}") from err


def _summary(fault: str, trials: Sequence[Trial]) -> Summary:
    worst = min(trials, key=lambda trial: _WORST_FIRST.index(trial.outcome))
    names = dict.fromkeys(name for trial in trials for name in trial.figures)
    found = {name: [trial.figures[name] for trial in trials if trial.figures.get(name) is not None] for name in names}
    return Summary(
        fault=fault,
        outcome=worst.outcome,
        why=worst.why,
        runs=len(trials),
        passed=sum(trial.outcome is Outcome.PASS for trial in trials),
        figures={name: _spread(values) for name, values in found.items() if values},
        bounds={judged.name: judged.bound for trial in trials for judged in trial.judged},
    )


def _spread(values: Iterable[float | None]) -> Spread:
    known = [value for value in values if value is not None]
    return Spread(min(known), median(known), max(known))


def _compared(old: Summary | None, new: Summary) -> Compared:
    medians = {name: (None if old is None else _median(old, name), _median(new, name)) for name in new.bounds}
    return Compared(new.fault, None if old is None else old.outcome, new.outcome, medians)


def _median(summary: Summary, name: str) -> float | None:
    spread = summary.figures.get(name)
    return None if spread is None else spread.median


def _trial(found: Mapping[str, Any]) -> Trial:
    return Trial(
        fault=str(found["fault"]),
        outcome=Outcome(found["outcome"]),
        why=str(found.get("why", "")),
        judged=tuple(
            Judged(str(one["name"]), float(one["bound"]), _number(one["measured"]), bool(one["held"]))
            for one in found.get("judged", ())
        ),
        figures={str(name): _number(value) for name, value in found.get("figures", {}).items()},
        restarted={str(name): str(how) for name, how in found.get("restarted", {}).items()},
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
