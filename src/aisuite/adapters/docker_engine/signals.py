"""Signals to a service's own process.

The engine's `kill` does not serve: whatever the signal, the engine takes the service for stopped on purpose and does
not restart it any more. So the process is signalled past the engine: on this machine by its pid, else from inside.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisuite.errors import NotRunning, StepFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

# PID 1 is the engine's init; it ignores what the kernel does not force on it. Its first child is the service.
_FROM_INSIDE = 'read -r service rest < /proc/1/task/1/children; kill -{signal} "$service"'
# What the service has started to do its work, if that is one process; else the service.
_KILL_WORKER = """\
read -r service rest < /proc/1/task/1/children
read -r worker more < "/proc/$service/task/$service/children"
[ -z "$more" ] || worker=
kill -KILL "${worker:-$service}"
"""


def send(client: Any, container: Mapping[str, Any], signal_name: str) -> None:
    """Send "KILL", "TERM", "STOP" or "CONT" to the process of a container, given as the engine describes it.

    STOP and CONT are the engine's pause and unpause: the same to the process, and the engine knows of it.
    Raises NotRunning, StepFailed.
    """
    identity, state = container["Id"], container["State"]
    if state["Status"] not in {"running", "paused"}:
        raise NotRunning(f"{container['Name'].removeprefix('/')} is not running", "aisuite status")
    paused = state["Status"] == "paused"
    if signal_name == "STOP":
        if not paused:
            client.pause(identity)
        return
    if paused:
        client.unpause(identity)  # frozen, it would not even hear SIGKILL
    if signal_name != "CONT" and not _send_here(container, signal_name):
        send_inside(client, identity, signal_name)


def _send_here(container: Mapping[str, Any], signal_name: str) -> bool:
    """Signal the container's first process as a process of this machine; return whether that was possible."""
    pid = container["State"]["Pid"]
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return False
    try:
        # The engine may run elsewhere: then this pid is somebody else's. The pidfd outlives that look.
        if container["Id"] not in Path(f"/proc/{pid}/cgroup").read_text():
            return False
        signal.pidfd_send_signal(handle, signal.Signals[f"SIG{signal_name}"])
    except OSError:
        return False
    finally:
        with suppress(OSError):
            os.close(handle)
    return True


def send_inside(client: Any, identity: str, signal_name: str) -> None:
    """Send a signal from inside the container: SIGSTOP, sent so, leaves its health check at work. Raises StepFailed."""
    _run_inside(client, identity, _FROM_INSIDE.format(signal=signal_name), f"SIG{signal_name}")


def kill_worker(client: Any, identity: str) -> None:
    """Send SIGKILL to the process that does the service's work. Raises StepFailed."""
    _run_inside(client, identity, _KILL_WORKER, "SIGKILL")


def _run_inside(client: Any, identity: str, script: str, what: str) -> None:
    run = client.exec_create(identity, ["/bin/sh", "-c", script])["Id"]
    output = client.exec_start(run)
    code = client.exec_inspect(run)["ExitCode"]
    if code:
        why = output.decode(errors="replace").strip()
        hint = f"docker exec {identity[:12]} /bin/sh -c true   # it needs a shell"
        raise StepFailed(f"{what} could not be sent inside the container: {why}", hint)
