"""What can be broken of local processes, and why the rest cannot."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from aisuite.adapters.engine_faults import EngineFaults
from aisuite.adapters.process_engine.processes import find_worker, send
from aisuite.adapters.process_engine.records import Records
from aisuite.drill.model import Action
from aisuite.errors import NotRunning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.drill.model import Undo

_ONE_LOOPBACK = "local processes share this machine's loopback; it needs containers: aisuite up --engine docker"
_WHY_NOT: Mapping[Action, str] = {
    Action.PAUSE: "only a container can be paused; for a process that answers nothing there is the fault hang",
    Action.DISCONNECT: _ONE_LOOPBACK,
    Action.DROP: _ONE_LOOPBACK,
    Action.FORGET_NAME: _ONE_LOOPBACK,
    Action.NEW_ADDRESS: _ONE_LOOPBACK,
    Action.FILL_DISK: "local processes share this machine's disk; filling that would hit everybody",
    Action.STARVE: "a local process has no memory of its own that could run out before this machine's does",
}


class ProcessFaults(EngineFaults):
    """Breaks local processes, and mends them."""

    def why_not(self, action: Action) -> str | None:
        """Say in words why this cannot be done to local processes; None when it can."""
        return _WHY_NOT.get(action) or super().why_not(action)

    def _break(self, undo: Undo) -> None:
        if undo.action is Action.CRASH:
            self._crash(undo.service)
        else:
            super()._break(undo)

    def _crash(self, name: str) -> None:
        record = Records(self._stack.folder / "run").process(name)
        process = record.find() if record is not None else None
        if process is None or not send(find_worker(process), signal.SIGKILL):
            raise NotRunning(f"{name} is not running", "aisuite status")
