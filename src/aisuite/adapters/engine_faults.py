"""Faults that any engine can make: signals, services taken away, stand-ins."""

from __future__ import annotations

import http.client
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aisuite.drill.model import Action, StubMode
from aisuite.drill.stand_in import find_ours, stand_in
from aisuite.errors import NotRunning, StepFailed
from aisuite.plan.fingerprint import fingerprint
from aisuite.plan.observed import State

if TYPE_CHECKING:
    from aisuite.drill.model import Undo
    from aisuite.ports import Engine, Renderer, Workdir
    from aisuite.stack.model import Service, Stack

_SIGNALS = {Action.KILL: "KILL", Action.CRASH: "KILL", Action.HANG: "STOP"}  # where a service is one process
_SHARED = frozenset({*_SIGNALS, Action.STOP, Action.RESTART, Action.STAND_IN})
PATIENCE = 60.0
_POLL = 0.1
_LOST = frozenset({State.EXITED, State.FAILED, State.ORPHANED})  # what no engine starts again by itself


class EngineFaults:
    """Breaks the services of one stack, and mends them: afterwards they run as they were rendered.

    `patience` is how many seconds a stand-in, and the server that it stood in for, may take to answer.
    """

    def __init__(
        self, engine: Engine, stack: Stack, renderer: Renderer, workdir: Workdir, patience: float = PATIENCE
    ) -> None:
        self._patience = patience
        self._engine, self._stack, self._renderer, self._workdir = engine, stack, renderer, workdir
        self._files = renderer.render(stack)

    def why_not(self, action: Action) -> str | None:
        """Say in words why this cannot be done here; None when it can."""
        if action is Action.STAND_IN and find_ours(self._stack) is None:
            return f"phase {self._stack.phase} of this stack has no service that a stand-in could run like"
        return None if action in _SHARED else f"engine {self._engine.name} has no way to do that"

    def inject(self, undo: Undo) -> None:
        """Do what `undo` describes; fine when it is done already. Raises NotRunning, StepFailed, EngineUnavailable."""
        reason = self.why_not(undo.action)
        if reason is not None:
            raise StepFailed(reason, "aisuite failover-drill --list")
        self._break(undo)

    def undo(self, undo: Undo) -> None:
        """Take it back, from any half-done state; fine when there is nothing to take back.

        Raises StepFailed, EngineUnavailable.
        """
        self._mend(undo)

    def _break(self, undo: Undo) -> None:
        if undo.action in _SIGNALS:
            self._engine.signal(undo.service, _SIGNALS[undo.action])
        elif undo.action is Action.STOP:
            self._engine.stop(undo.service)
        elif undo.action is Action.RESTART:
            self._start_as_rendered(undo.service)
        else:
            other = self._stand_in(undo)
            self._put(other)
            # Where every server gets one, the next is not to be taken away before this one answers.
            self._wait_for(other.live_url, undo.mode, ready=False)

    def _mend(self, undo: Undo) -> None:
        if undo.action is Action.HANG:
            with suppress(NotRunning):
                self._engine.signal(undo.service, "CONT")
        self._workdir.write(self._files)
        service = self._stack.service(undo.service)
        if not self._runs(service):
            self._start_as_rendered(undo.service)
            if undo.action is Action.STAND_IN:
                self._wait_for(service.ready_url, undo.mode, ready=True)

    def _stand_in(self, undo: Undo) -> Service:
        if undo.mode is None:
            raise StepFailed(f"{undo.fault}: a stand-in for {undo.service} needs a mode")
        return stand_in(self._stack.service(undo.service), undo.mode, self._stack)

    def _put(self, other: Service) -> None:
        """Start something else where the service of that name was."""
        services = tuple(other if one.name == other.name else one for one in self._stack.services)
        files = self._renderer.render(replace(self._stack, services=services))
        # An engine reads a service's description from its file; and what dies must come back as it was.
        self._workdir.write({name: text for name, text in files.items() if self._files.get(name) != text})
        if not self._runs(other):
            self._engine.start(other, fingerprint(other, files))

    def _start_as_rendered(self, name: str) -> None:
        service = self._stack.service(name)
        self._engine.start(service, fingerprint(service, self._files))

    def _wait_for(self, url: str, mode: StubMode | None, *, ready: bool) -> None:
        """Wait until something answers there, with 200 if it shall be ready; give up quietly.

        Where no request may be lost although all servers are replaced, the gateway must trust this one again first.
        """
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline:
            status = _ask(url)
            if status == http.HTTPStatus.OK or (status is not None and not ready):
                time.sleep(self._stack.policy.cooldown if mode is StubMode.POISONED else 0.0)
                return
            time.sleep(_POLL)

    def _runs(self, service: Service) -> bool:
        """Whether this very service runs, or will again by itself."""
        found = self._engine.observe().find(service.name)
        wanted = fingerprint(service, self._files)
        return found is not None and found.state not in _LOST and found.fingerprint == wanted


def _ask(url: str) -> int | None:
    """Return the status of an answer; None when there is none."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=1.0)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
