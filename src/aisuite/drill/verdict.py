"""Judge an experiment: every bound against what was measured."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from aisuite.drill.model import Judged, Outcome, Tolerance, Trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.drill.model import Fault, Moments

AT_LEAST = frozenset({"plain_success", "streams_marked"})  # the bounds that are lower ones


def judge(
    fault: Fault,
    figures: Mapping[str, float | None],
    allowances: Mapping[str, float],
    moments: Moments | None = None,
    errors: Mapping[str, int] | None = None,
    unsteady: str = "",
) -> Trial:
    """Return the verdict on one experiment.

    `allowances` are seconds that the stack itself needs, added to the bounds of these names. `unsteady` says how the
    steady state differs from the one before; empty: it came back.
    """
    judged = tuple(_judged(name, bound, figures, allowances) for name, bound in _bounds(fault.tolerance))
    broken = [one for one in judged if not one.held]
    if broken:
        outcome, why = Outcome.FAIL, "; ".join(in_words(one) for one in broken)
    elif unsteady:
        outcome, why = Outcome.DEGRADED, unsteady
    else:
        outcome, why = Outcome.PASS, "all bounds held"
    return Trial(fault.name, outcome, why, judged, dict(figures), moments, dict(errors or {}))


def with_restarts(trial: Trial, restarted: Mapping[str, str]) -> Trial:
    """Return the trial with the services that were restarted although the fault does not meet them, and how."""
    if not restarted:
        return trial
    named = "; ".join(f"{name}: {how}" for name, how in restarted.items())
    return replace(trial, restarted=dict(restarted), why=f"{trial.why} ({named})")


def not_available(fault: Fault, why: str) -> Trial:
    """Return the trial of a fault that cannot be made here: it counts for nothing."""
    return Trial(fault.name, Outcome.NOT_AVAILABLE, why)


def in_words(judged: Judged) -> str:
    """Say a bound and what was measured, in one phrase."""
    sign = ">=" if judged.name in AT_LEAST else "<="
    measured = "never happened" if judged.measured is None else f"is {judged.measured:.4g}"
    return f"{judged.name} {measured}, wanted {sign} {judged.bound:g}"


def _bounds(tolerance: Tolerance) -> list[tuple[str, float]]:
    named = ((one.name, getattr(tolerance, one.name)) for one in fields(tolerance))
    return [(name, bound) for name, bound in named if bound is not None]


def _judged(name: str, bound: float, figures: Mapping[str, float | None], allowances: Mapping[str, float]) -> Judged:
    bound += allowances.get(name, 0.0)
    measured = figures.get(name)
    if measured is None:
        return Judged(name, bound, None, held=False)
    return Judged(name, bound, measured, held=measured >= bound if name in AT_LEAST else measured <= bound)
