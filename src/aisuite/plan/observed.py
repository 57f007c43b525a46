"""What is there now, as one snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """The state of a service as its engine sees it."""

    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"  # died, the engine is about to start it again
    PAUSED = "paused"
    EXITED = "exited"  # died or was stopped
    FAILED = "failed"  # the engine gave up restarting it
    ORPHANED = "orphaned"  # runs, but nobody watches it: its engine died


ALIVE = frozenset({State.STARTING, State.RUNNING, State.PAUSED, State.ORPHANED})


@dataclass(frozen=True, slots=True)
class ObservedService:
    """One service as found."""

    name: str
    state: State
    pid: int | None = None
    container: str | None = None
    started_at: float | None = None  # seconds since the epoch
    restarts: int = 0
    exit_code: int | None = None
    fingerprint: Mapping[str, str] = field(default_factory=dict)  # what it was started with, see plan/fingerprint.py
    ready: bool | None = None  # None: not asked
    image: str | None = None  # the engine's id of the image that its container was made from
    engine_health: str | None = None  # what its engine's own checks find: "starting", "healthy", "unhealthy"
    health_fault: str = ""  # why the engine cannot run its health command; empty: it can, or was not asked yet


@dataclass(frozen=True, slots=True)
class Findings:
    """What an engine noticed about a service, beyond its state and its log."""

    out_of_memory: bool = False  # the kernel killed a process of it, for memory
    exit_codes: tuple[int, ...] = ()  # how it ended since it was made, oldest first; negative for a signal


@dataclass(frozen=True, slots=True)
class Observed:
    """All services of a project, and whether the engine's own machinery (supervisord, network) is up."""

    engine_up: bool
    services: tuple[ObservedService, ...] = ()
    prepared: frozenset[str] = frozenset()  # names of preparations that are done

    def find(self, name: str) -> ObservedService | None:
        """Return the service of that name, if it exists."""
        return next((service for service in self.services if service.name == name), None)
