"""From what the engine says about a container to what we call it. Pure."""

from __future__ import annotations

import signal
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aisuite.adapters.docker_engine.labels import SERVICE, read_fingerprint
from aisuite.plan.observed import ALIVE, ObservedService, State

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATES = {
    "created": State.EXITED,  # made, and never started: a run was interrupted
    "running": State.RUNNING,
    "restarting": State.RESTARTING,
    "paused": State.PAUSED,
    "removing": State.EXITED,
    "exited": State.EXITED,
    "stopped": State.EXITED,  # Podman's word for the moment before "exited"
    "dead": State.FAILED,
}
_CANNOT_RUN = frozenset({126, 127})  # a shell's, and Docker's, way to say that there is no such program
_EXEC_FAILED = "OCI runtime exec failed"  # with exit code -1, which a timeout has as well
_BY_SIGNAL = 128  # a shell's, and tini's, way to say "ended by a signal"


def observe_container(container: Mapping[str, Any]) -> ObservedService:
    """Return one service from the engine's description of its container."""
    now, labels = container["State"], container["Config"]["Labels"]
    state = _state(now)
    alive = state in ALIVE
    return ObservedService(
        name=labels[SERVICE],
        state=state,
        pid=now["Pid"] or None,
        container=container["Id"][:12],
        started_at=datetime.fromisoformat(now["StartedAt"]).timestamp() if alive else None,
        restarts=container["RestartCount"],
        exit_code=None if alive or now["Status"] == "created" else exit_code(now["ExitCode"]),
        fingerprint=read_fingerprint(labels),
        image=container["Image"],
        engine_health=_health(now) if alive else None,
        health_fault=_health_fault(now.get("Health") or {}),
    )


def _health_fault(health: Mapping[str, Any]) -> str:
    """Return why the health command cannot be run, as its last try says it; a command that ran and failed is none."""
    log: list[Mapping[str, Any]] = health.get("Log") or [{}]
    last = log[-1]
    output = str(last.get("Output", "")).strip()
    return output if last.get("ExitCode") in _CANNOT_RUN or _EXEC_FAILED in output else ""


def _health(now: Mapping[str, Any]) -> str | None:
    found: str | None = (now.get("Health") or {}).get("Status")
    return None if found == "none" else found


def _state(now: Mapping[str, Any]) -> State:
    # Until its first good health check, within its start period, the engine calls a container "starting".
    if now["Status"] == "running" and _health(now) == "starting":
        return State.STARTING
    return _STATES.get(now["Status"], State.FAILED)


def exit_code(code: int) -> int:
    """Return the exit code, negative for a signal: -9 is SIGKILL."""
    number = code - _BY_SIGNAL
    return -number if number in signal.valid_signals() else code
