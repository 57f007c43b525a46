"""What was measured of each model server at its last start, kept beside the project's record.

Plain values only: every `up` reads them, and the planner's modules would cost it more than all the rest.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from aisuite.errors import DriftError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.ports import Workdir

_FILE = "measured.json"
_SCHEMA = "aisuite.measured/1"


@dataclass(frozen=True, slots=True)
class ServerReport:
    """One model server after its start; sizes are bytes on the card. `differences` are in words."""

    service: str
    planned: int | None  # buffers and what the process costs; None without a plan
    planned_parts: Mapping[str, int] | None  # "model", "kv", "compute"
    allocated: Mapping[str, int] | None  # the same, by the server's own log
    measured: int | None  # what the card lost
    holds: str  # verdict.Holds
    why: str
    differences: tuple[str, ...] = ()  # what is in force and was not asked for
    forced: bool = False  # it is wanted so
    build: str | None = None  # of its llama.cpp, by its own word


@dataclass(frozen=True, slots=True)
class Measured:
    """All model servers of a project, by the names of their services."""

    servers: Mapping[str, ServerReport] = field(default_factory=dict)


def write_measured(workdir: Workdir, measured: Measured) -> None:
    """Keep it in the project folder. Raises StateUnwritable, DiskFull."""
    body = {"schema": _SCHEMA, "servers": [asdict(one) for one in measured.servers.values()]}
    workdir.write({_FILE: json.dumps(body, indent=2) + "\n"})


def read_measured(workdir: Workdir) -> Measured:
    """Return what was measured last; nothing when that is not there, or not ours."""
    try:
        body = json.loads(workdir.read(_FILE) or "{}")
        if body.get("schema") != _SCHEMA:
            return Measured()
        return Measured({one["service"]: _report(one) for one in body["servers"]})
    except (ValueError, KeyError, TypeError, AttributeError):
        return Measured()  # of another version, or damaged: the next start writes it again


def _report(body: dict[str, Any]) -> ServerReport:
    return ServerReport(**{**body, "differences": tuple(body["differences"])})


def forget_measured(workdir: Workdir) -> None:
    """Remove what was measured: nothing runs any more."""
    workdir.remove(_FILE)


def update_measured(workdir: Workdir, fresh: Mapping[str, ServerReport], names: set[str], *, forced: bool) -> Measured:
    """Keep what was measured now, and what is known of the other services with these names.

    `forced`: what differs in any of them is wanted so. Raises StateUnwritable, DiskFull.
    """
    known = read_measured(workdir)
    servers = {name: one for name, one in {**known.servers, **fresh}.items() if name in names}
    result = Measured({name: replace(one, forced=one.forced or forced) for name, one in servers.items()})
    if result != known:
        write_measured(workdir, result)
    return result


def drift_of(measured: Measured) -> tuple[DriftError, ...]:
    """Return an error for each server that does not run as it was asked to, unless that is wanted."""
    return tuple(_drift(one) for one in measured.servers.values() if one.differences and not one.forced)


def _drift(report: ServerReport) -> DriftError:
    lines = [f"{report.service} does not run as it was asked to:", *(f"  {one}" for one in report.differences)]
    return DriftError("\n".join(lines), f"aisuite logs {report.service}; to keep it so: aisuite up --force")
