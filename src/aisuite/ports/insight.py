"""What an engine tells a person who looks closer, and commands beside a service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Listed:
    """A service as its engine lists it, running or not."""

    service: str
    name: str  # of its container; of a local process its id
    state: str
    health: str | None  # what the engine's own checks find; None: it has none
    image: str | None
    command: str
    started_at: float | None  # seconds since the epoch
    exit_code: int | None
    ports: tuple[str, ...]  # "127.0.0.1:8000->8000", or only where it listens


@dataclass(frozen=True, slots=True)
class Task:
    """A process of a service."""

    pid: int  # as the engine's machine knows it
    user: str
    cpu_percent: float  # of one core, over its whole life
    memory: int  # resident bytes
    seconds: float  # since its start
    command: str


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """Something that happened to a service; `what` as its engine calls it."""

    at: float  # seconds since the epoch
    service: str
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Streams:
    """File descriptors for a command; `terminal`: a person sits at all three."""

    stdin: int
    stdout: int
    stderr: int
    terminal: bool = False


class Insight(Protocol):
    """Looks into one project on its engine. Every call raises EngineUnavailable."""

    def list(self) -> tuple[Listed, ...]:
        """Return all services that the engine knows of, by name."""

    def tasks(self, service: str) -> tuple[Task, ...]:
        """Return the processes of a service, oldest first; empty when it does not run."""

    def events(self, since: float, *, follow: bool) -> Iterator[EngineEvent]:
        """Yield what happened since then (seconds since the epoch), and with `follow` what happens."""

    def run(self, service: str, command: Sequence[str], streams: Streams) -> int:
        """Run a command beside a service, as it sees the world; return its exit code, 128 + n after signal n.

        Raises NotRunning, and UsageError where the engine cannot do that.
        """
