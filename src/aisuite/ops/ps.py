"""`aisuite ps`: the services as their engine lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.ops.service_names import check_names
from aisuite.plan.observed import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.ports import Insight, Listed, Workdir

_GONE = frozenset({State.EXITED, State.FAILED})


@dataclass(frozen=True, slots=True)
class PsReport:
    """What the engine lists; `hidden` are services that do not run and were not asked for."""

    services: tuple[Listed, ...]
    hidden: int
    exit_code: int = 0


def ps(names: Sequence[str], insight: Insight, workdir: Workdir, *, stopped: bool) -> PsReport:
    """Return the services that run, and with `stopped` those that do not.

    Raises UsageError for a name that is none, NotRunning when nothing was ever started.
    """
    there = insight.list()
    wanted = check_names(names, [one.service for one in there], "aisuite ps", workdir.folder) if names else ()
    chosen = [one for one in there if one.service in wanted or not names]
    shown = tuple(one for one in chosen if stopped or one.state not in _GONE)
    return PsReport(shown, len(chosen) - len(shown))
