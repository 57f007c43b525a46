"""A closer look at a world in memory."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aisuite.errors import NotRunning
from aisuite.plan.observed import ALIVE
from aisuite.ports import EngineEvent, Listed, Streams, Task
from tests.fakes.engine import FakeWorld


@dataclass
class FakeInsight:
    """`noted` is what the engine has noted of former times; every start is noted, too."""

    world: FakeWorld
    noted: list[EngineEvent] = field(default_factory=list)

    def list(self) -> tuple[Listed, ...]:
        return tuple(
            Listed(
                service=name,
                name=str(found.pid or "-"),
                state=found.state,
                health=None,
                image=None,
                command=" ".join(self.world.descriptions[name].command),
                started_at=found.started_at,
                exit_code=found.exit_code,
                ports=(self.world.descriptions[name].published.authority,) if found.pid else (),
            )
            for name, found in sorted(self.world.services.items())
        )

    def tasks(self, service: str) -> tuple[Task, ...]:
        found = self.world.services.get(service)
        if found is None or found.pid is None:
            return ()
        return (Task(found.pid, "somebody", 0.5, 2**20, 3.0, " ".join(self.world.descriptions[service].command)),)

    def events(self, since: float, *, follow: bool) -> Iterator[EngineEvent]:
        assert not follow
        starts = [
            EngineEvent(found.started_at, name, "start")
            for name, found in self.world.services.items()
            if found.started_at is not None
        ]
        yield from (event for event in sorted([*self.noted, *starts], key=lambda one: one.at) if event.at >= since)

    def run(self, service: str, command: Sequence[str], streams: Streams) -> int:
        found = self.world.services.get(service)
        if found is None or found.state not in ALIVE:
            raise NotRunning(f"{service} is not running")
        ran = subprocess.run(command, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr, check=False)
        return ran.returncode
