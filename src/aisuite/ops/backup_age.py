"""How old the data is that can be brought back for sure: the age of the newest verified backup."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aisuite.bundle.identity import taken_at
from aisuite.errors import BundleDamaged

if TYPE_CHECKING:
    from aisuite.ports import Clock, Workdir
    from aisuite.ports.archive import Shelf

METRICS = (
    "metrics/backup.prom"  # in the project folder; OpenMetrics, as node_exporter's textfile collector reads it, too
)


def newest_verified(shelf: Shelf, project: str) -> float | None:
    """Return when the newest verified backup of a project was begun, in seconds since 1970; None: there is none."""
    for bundle in reversed(shelf.list()):
        at = taken_at(bundle)
        try:
            if at and shelf.verified(bundle) is not None and shelf.manifest(bundle).project == project:
                return at.timestamp()
        except BundleDamaged:
            continue
    return None


def write_age(workdir: Workdir, shelf: Shelf, project: str, clock: Clock) -> None:
    """Write the metrics for an alert. Raises StateUnwritable, DiskFull."""
    workdir.write({METRICS: render_age(project, newest_verified(shelf, project), clock.now())})


def render_age(project: str, at: float | None, now: float) -> str:
    """Return the metrics as text. The age is that of the moment of writing; the timestamp stays true afterwards."""
    age = math.inf if at is None else max(0.0, now - at)
    values = (
        ("age", "Age of the newest verified backup when this was written.", age),
        ("timestamp", "When the newest verified backup was begun; 0: there is none.", at or 0.0),
    )
    lines = []
    for name, meaning, value in values:
        metric = f"aisuite_last_verified_backup_{name}_seconds"
        number = "+Inf" if math.isinf(value) else f"{value:.0f}"
        lines += [f"# TYPE {metric} gauge", f"# UNIT {metric} seconds", f"# HELP {metric} {meaning}"]
        lines.append(f'{metric}{{project="{project}"}} {number}')
    return "\n".join([*lines, "# EOF", ""])
