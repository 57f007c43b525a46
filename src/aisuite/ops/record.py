"""What `up` has brought up, kept beside it.

`status`, `env`, `ask`, `logs` and `down` read this record and need no profile: they work with a broken one.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from aisuite.errors import NotRunning

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aisuite.ports import Workdir
    from aisuite.stack.model import Role, Stack

_FILE = "stack.json"
_SCHEMA = "aisuite.record/1"
_ENGINE = "engine"  # of the last `up`; stays when the stack goes, for what its services keep stays, too


@dataclass(frozen=True, slots=True)
class RecordedService:
    """One service as it was brought up."""

    name: str
    role: str
    url: str
    ready_url: str
    seconds_to_healthy: float | None
    live_url: str | None = None  # None: of an `up` that did not record it


@dataclass(frozen=True, slots=True)
class Record:
    """The last `up` of a project."""

    project: str
    engine: str
    profile: str
    phase: int
    routes: tuple[str, ...]
    services: tuple[RecordedService, ...]
    profile_file: str | None = None  # where the profile was read; None: by its name it is always found
    generation: int | None = None  # that a rollback brought back: the profile may say something else by now

    def find(self, role: Role) -> RecordedService | None:
        """Return the first service with that role."""
        return next((service for service in self.services if service.role == role), None)

    def require(self, role: Role) -> RecordedService:
        """Return the first service with that role. Raises NotRunning."""
        found = self.find(role)
        if found is None:
            raise NotRunning(f"phase {self.phase} of this stack has no {role} service", "aisuite up --phase 2")
        return found


def record_of(
    stack: Stack, seconds: Mapping[str, float], before: Record | None, profile_file: Path | None = None
) -> Record:
    """Make a record; a service that was left alone keeps the seconds it once took."""
    kept = {service.name: service.seconds_to_healthy for service in before.services} if before else {}
    services = tuple(
        RecordedService(
            name=service.name,
            role=service.role.value,
            url=service.published.url,
            ready_url=service.ready_url,
            seconds_to_healthy=round(seconds[service.name], 3) if service.name in seconds else kept.get(service.name),
            live_url=service.published.url + service.live_path,
        )
        for service in stack.services
    )
    routes = tuple(route.name for route in stack.routes)
    file = None if profile_file is None else str(profile_file)
    return Record(stack.project, stack.engine, stack.profile, stack.phase, routes, services, file)


def write_record(workdir: Workdir, record: Record) -> None:
    """Write the record into the project folder."""
    text = json.dumps({"schema": _SCHEMA, **asdict(record)}, indent=2) + "\n"
    workdir.write({_ENGINE: f"{record.engine}\n", _FILE: text})


def read_record(workdir: Workdir) -> Record | None:
    """Return the record of the last `up`, or None when nothing was brought up (or the record is not ours)."""
    text = workdir.read(_FILE)
    if text is None:
        return None
    try:
        found = json.loads(text)
        if found.pop("schema") != _SCHEMA:
            return None
        services = tuple(RecordedService(**service) for service in found.pop("services"))
        return Record(**{**found, "routes": tuple(found["routes"])}, services=services)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # of another version, or damaged: the next `up` writes it again


def require_record(workdir: Workdir) -> Record:
    """Return the record of the last `up`. Raises NotRunning."""
    record = read_record(workdir)
    if record is None:
        raise NotRunning(f"nothing was started in {workdir.folder}", "aisuite up --phase 2")
    return record


def forget_record(workdir: Workdir) -> None:
    """Remove the record: nothing is up any more."""
    workdir.remove(_FILE)


def read_last_engine(workdir: Workdir) -> str | None:
    """Return the engine of the last `up`, also after a `down`; None when there never was one."""
    return (workdir.read(_ENGINE) or "").strip() or None
