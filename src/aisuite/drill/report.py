"""What a command found out, for people, in Markdown; of a drill the verdicts, then every trial with its figures."""

from __future__ import annotations

import re
from textwrap import indent
from typing import TYPE_CHECKING

from aisuite.drill.verdict import AT_LEAST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aisuite.drill.model import Judged, Trial

_SHARES = frozenset({"plain_success", "streams_whole", "streams_marked", "first_before"})
_TAG = re.compile("<(?=[A-Za-z/!?])")  # what a reader of Markdown would take for HTML
_COUNTS = frozenset({"requests", "plain", "plain_good", "streams", "others_restarted"})


def format_report(title: str, facts: Mapping[str, str], trials: Sequence[Trial], text: str = "") -> str:
    """Return the report of a command; the picture of each trial lies in its folder, see `trial_folder`.

    `text` is what a command without trials has printed.
    """
    parts = [f"# {title}", format_table(("", ""), facts.items())]
    if trials:
        verdicts = ((one.fault, one.outcome, one.why) for one in trials)
        parts += ["## Verdicts", format_table(("fault", "verdict", "why"), verdicts)]
    if text:
        parts.append(indent(text.rstrip(), "    "))
    parts += [_trial(number, one) for number, one in enumerate(trials, 1) if one.figures]
    return "\n\n".join(parts) + "\n"


def trial_folder(number: int, trial: Trial) -> str:
    """Return the folder of a trial in the evidence; they count from 1."""
    return f"trials/{number:02}-{trial.fault}"


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; what would break it stands there escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _trial(number: int, trial: Trial) -> str:
    judged = format_table(("bound", "wanted", "measured", ""), map(_judged, trial.judged))
    figures = [(name, _written(name, value)) for name, value in trial.figures.items()]
    parts = [
        f"## {number}. {trial.fault}: {trial.outcome}",
        f"![What clients saw]({trial_folder(number, trial)}/timeline.svg)",
        judged,
        format_table(("figure", "value"), figures),
    ]
    if trial.restarted:
        logs = f"{trial_folder(number, trial)}/logs"
        rows = ((name, how, f"[its log]({logs}/{name}.log)") for name, how in trial.restarted.items())
        parts.append(format_table(("also restarted", "how", "why"), rows))
    if trial.errors:
        parts.append(format_table(("what clients were told", "times"), ((k, str(v)) for k, v in trial.errors.items())))
    return "\n\n".join(parts)


def _judged(one: Judged) -> tuple[str, str, str, str]:
    sign = ">=" if one.name in AT_LEAST else "<="
    measured = "never happened" if one.measured is None else _written(one.name, one.measured)
    return (one.name, f"{sign} {_written(one.name, one.bound)}", measured, "held" if one.held else "**broken**")


def _written(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name in _COUNTS:
        return f"{value:.0f}"
    return f"{value:.2%}" if name in _SHARES else f"{value:.3f} s"


def _cell(text: str) -> str:
    return " ".join(_TAG.sub("&lt;", text.replace("|", "\\|")).split())
