"""From options and the profile's `drill` section to a drill, and the adapters that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aisuite.cli.wiring import Suite
    from aisuite.drill.model import Fault, Trial
    from aisuite.ops.drill_bench import Crowd
    from aisuite.ops.failover_drill import Doors, DrillRequest
    from aisuite.profile.drill import Drill


_BEFORE = 10.0  # seconds of steady state that a fault is compared with, unless it is watched for less


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says of a drill; None: as the profile does."""

    only: str | None = None
    repeat: int = 1
    duration: float | None = None
    concurrency: int | None = None
    streams: int | None = None
    force: bool = False


def request_of(wanted: Wanted, suite: Suite) -> DrillRequest:
    """Return the drill that is meant. Raises UsageError for an unknown fault."""
    from aisuite.ops.failover_drill import DrillRequest

    settings = suite.basis.loaded.profile.drill
    crowd, route = _crowd_of(wanted, settings), settings.route
    return DrillRequest(suite.stack, faults_of(wanted.only, settings), crowd, route, wanted.repeat, wanted.force)


def faults_of(only: str | None, settings: Drill | None = None) -> tuple[Fault, ...]:
    """Return the chosen faults with the profile's bounds. Raises UsageError for an unknown one."""
    from aisuite.drill.catalogue import find_faults, with_tolerance

    names: Sequence[str] = () if only is None else [name.strip() for name in only.split(",")]
    bounds = settings.tolerances if settings is not None else {}
    return tuple(
        with_tolerance(fault, bounds[fault.name].model_dump(exclude_unset=True)) if fault.name in bounds else fault
        for fault in find_faults(names)
    )


def _crowd_of(wanted: Wanted, settings: Drill) -> Crowd:
    from aisuite.ops.drill_bench import Crowd

    watched = float(settings.duration) if wanted.duration is None else wanted.duration
    return Crowd(
        plain=settings.concurrency if wanted.concurrency is None else wanted.concurrency,
        streams=settings.streams if wanted.streams is None else wanted.streams,
        pause=float(settings.pause),
        before=min(_BEFORE, watched),
        duration=watched,
    )


def read_old(path: Path) -> tuple[Trial, ...]:
    """Read the trials of an earlier drill. Raises UsageError."""
    from aisuite.drill.summary import parse_trials
    from aisuite.errors import UsageError

    try:
        return parse_trials(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        why = err.strerror if isinstance(err, OSError) else err
        raise UsageError(
            f"--compare {path}: {why}", "aisuite failover-drill --json > old.json   # makes such a file"
        ) from err


def open_doors(suite: Suite) -> Doors:
    """Return what breaks this suite, and what makes traffic on it."""
    from aisuite.adapters.load import HttpLoad
    from aisuite.cli.doors import open_chat
    from aisuite.errors import StepFailed
    from aisuite.ops.failover_drill import Doors

    if suite.deps.faults is None:
        raise StepFailed(f"nothing can break the services of engine {suite.stack.engine}", "aisuite status")
    return Doors(suite.deps.faults(suite.stack), HttpLoad(), open_chat())
