"""What runs the services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aisuite.plan.observed import Findings, Observed
    from aisuite.stack.model import EngineName, Service, Stack


class Engine(Protocol):
    """Runs services: a supervisord with local processes, or Docker. Knows a project by its folder only."""

    @property
    def name(self) -> EngineName:
        """Which engine this is."""

    def observe(self) -> Observed:
        """Return one snapshot of the project: no waiting, no change, no HTTP. Works when nothing was ever started."""

    def open(self, stack: Stack) -> None:
        """Bring up the engine's own machinery for this stack's rendered files; does nothing when it is up.

        Also takes away what a crashed run left behind (orphaned processes). Raises EngineUnavailable.
        """

    def start(self, service: Service, fingerprint: Mapping[str, str]) -> None:
        """Start a service from its rendered description; returns when its process exists, not when it is ready.

        What runs under that name is stopped first.
        Raises StepFailed when the engine cannot start it at all.
        """

    def stop(self, name: str) -> None:
        """Stop a service and forget it: SIGTERM, after 10 s SIGKILL, its whole process group.

        Fine when it is not there.
        """

    def close(self) -> None:
        """Stop everything of the project, the machinery too. Nothing of it is running afterwards. Idempotent."""

    def log_tail(self, name: str, lines: int) -> tuple[str, ...]:
        """Return the last lines since a service's last start, oldest first; empty when there is none."""

    def examine(self, name: str) -> Findings:
        """Return what the engine noticed about a service since it was made; nothing when it keeps no such memory."""

    def port_holders(self) -> Mapping[int, str]:
        """Return who in this engine, outside the project, holds which port of the engine's machine."""

    def follow(self, name: str, lines: int) -> Iterator[str]:
        """Yield the last lines, then every new one, across rotation, until the caller stops."""

    def signal(self, name: str, signal_name: str) -> None:
        """Send a signal ("KILL", "STOP", "CONT", "TERM") to the service's own process. Raises NotRunning."""
