"""What breaks services on purpose, and mends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aisuite.drill.model import Action, Undo


class Faults(Protocol):
    """Does to the services of one stack, on its engine, what a drill asks for; never to anything else."""

    def why_not(self, action: Action) -> str | None:
        """Say in words why this engine cannot do that here; None when it can."""

    def inject(self, undo: Undo) -> None:
        """Do what `undo` describes; fine when it is done already. Returns when the service is hit.

        Raises NotRunning, StepFailed, EngineUnavailable.
        """

    def undo(self, undo: Undo) -> None:
        """Take it back, from any half-done state; fine when there is nothing to take back.

        Returns when the service was told to run as it was rendered, not when it is ready; but what a stand-in stood
        in for is waited for: of several servers one always answers.
        Raises StepFailed, EngineUnavailable.
        """
