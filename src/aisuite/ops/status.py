"""`aisuite status`: every service of the project, as it is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.errors import NotRunning
from aisuite.ops.look import look
from aisuite.ops.record import Record, read_record
from aisuite.plan.observed import State

if TYPE_CHECKING:
    from aisuite.plan.observed import Observed, ObservedService
    from aisuite.ports import Deps


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One row.

    `health` is what our own probe finds: "healthy", "unhealthy" (it runs, but is not ready) or "-" (it does not run).
    """

    name: str
    state: str
    health: str
    url: str
    pid: int | None
    container: str | None
    seconds_to_healthy: float | None
    restarts: int
    engine_health: str | None = None  # what its engine's checks find: "starting", "healthy", "unhealthy"; None: none
    health_fault: str = ""  # why its engine can never find it well


@dataclass(frozen=True, slots=True)
class StatusReport:
    """All services of a project; `record` is None when nothing was ever brought up."""

    record: Record | None
    services: tuple[ServiceStatus, ...]

    @property
    def exit_code(self) -> int:
        """0 when everything is healthy, else 5."""
        healthy = self.services and all(service.health == "healthy" for service in self.services)
        return 0 if healthy else NotRunning.exit_code


def status(deps: Deps) -> StatusReport:
    """Return the state of every service that `up` brought up; changes nothing."""
    record = read_record(deps.workdir)
    if record is None:
        return StatusReport(None, ())
    observed = look({service.name: service.ready_url for service in record.services}, deps)
    return StatusReport(record, statuses(record, observed))


def statuses(record: Record, observed: Observed) -> tuple[ServiceStatus, ...]:
    """Return one row for each recorded service, in start order."""
    rows = []
    for service in record.services:
        found = observed.find(service.name)
        health = "-" if found is None or found.ready is None else "healthy" if found.ready else "unhealthy"
        rows.append(
            ServiceStatus(
                name=service.name,
                state=_state(found),
                health=health,
                url=service.url,
                pid=found.pid if found else None,
                container=found.container if found else None,
                seconds_to_healthy=service.seconds_to_healthy,
                restarts=found.restarts if found else 0,
                engine_health=found.engine_health if found else None,
                health_fault=found.health_fault if found else "",
            )
        )
    return tuple(rows)


def _state(found: ObservedService | None) -> str:
    if found is None:
        return "absent"
    # An engine may call a service "starting" for a while after it answers.
    return State.RUNNING if found.ready and found.state is State.STARTING else found.state
