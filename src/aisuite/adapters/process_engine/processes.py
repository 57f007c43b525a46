"""Local processes, told apart by start time: an id alone may belong to somebody else by now."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.adapters.process_engine.process_exec import (
    FOLDER_MARK,
    SERVICE_MARK,
    list_pids,
    read_environment,
    read_stat,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL = 0.02
_KILL_WAIT = 5.0
_LISTEN = "0A"  # the state of a TCP socket that listens


@dataclass(frozen=True, slots=True)
class Process:
    """A process that lives; `started` in clock ticks since boot."""

    pid: int
    parent: int
    group: int
    session: int
    started: int
    paused: bool


def find_process(pid: int) -> Process | None:
    """Return the process of that id; None when there is none, or a zombie only."""
    stat = read_stat(pid)
    if stat is None or stat[0] in "ZX":
        return None
    state, parent, group, session, started = stat
    return Process(pid, parent, group, session, started, paused=state in "Tt")


def find_worker(process: Process) -> Process:
    """Return the process that does its work: its only child, or itself."""
    children = _children(process)
    return children[0] if len(children) == 1 else process


def find_listener(process: Process, port: int) -> Process:
    """Return who of a service listens on a TCP port: a child that it has started for that, or itself."""
    if process.paused:  # whoever waits for such a child would not notice that it has ended
        return process
    sockets = _listening_sockets(process.pid, port)
    return next((one for one in (process, *_children(process)) if sockets & _open_files(one.pid)), process)


def _children(process: Process) -> list[Process]:
    try:
        pids = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    except OSError:
        return []
    return [child for pid in pids if (child := find_process(int(pid))) is not None]


def _listening_sockets(pid: int, port: int) -> set[str]:
    """Return the sockets that listen on a port in the network of a process, as links to open files name them."""
    lines = [line.split() for name in ("tcp", "tcp6") for line in _read_lines(Path(f"/proc/{pid}/net/{name}"))[1:]]
    return {f"socket:[{one[9]}]" for one in lines if one[3] == _LISTEN and one[1].endswith(f":{port:04X}")}


def _open_files(pid: int) -> set[str]:
    found = set()
    with suppress(OSError):
        for one in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed since
                found.add(str(one.readlink()))
    return found


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def list_processes() -> list[Process]:
    """Return all living processes of this machine."""
    return [process for pid in list_pids() if (process := find_process(pid)) is not None]


def find_marked(folder: Path, service: str | None = None) -> list[Process]:
    """Return what was started, at whatever remove, by a project's supervisord, or by one of its services."""
    marks = {FOLDER_MARK: str(folder)} | ({} if service is None else {SERVICE_MARK: service})
    return [
        process
        for process in list_processes()
        if marks.items() <= read_environment(process.pid).items() and process.pid != os.getpid()
    ]


def find_session(leader: Process) -> list[Process]:
    """Return what lives of the session that this process leads or has led."""
    now = find_process(leader.pid)
    if now is not None and now.started != leader.started:
        return []  # the id belongs to somebody else by now, so the session is gone
    return [process for process in list_processes() if process.session == leader.pid]


def is_alive(process: Process) -> bool:
    """Say whether it still is the process that was found."""
    now = find_process(process.pid)
    return now is not None and now.started == process.started


def send(process: Process, number: signal.Signals) -> bool:
    """Send a signal if the process still is the one that was found; return whether it is."""
    if not is_alive(process):
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def end_processes(find: Callable[[], list[Process]], grace: float) -> list[Process]:
    """End what `find` returns until it returns nothing: SIGTERM, after `grace` seconds SIGKILL. Return what is left."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, _KILL_WAIT)):
        deadline = time.monotonic() + patience
        told: set[Process] = set()
        while targets := find():
            for process in targets:
                if process not in told:
                    send(process, number)
                    send(process, signal.SIGCONT)  # a paused process would not hear SIGTERM
            told.update(targets)
            if time.monotonic() >= deadline:
                break
            time.sleep(_POLL)
        else:
            return []
    return find()
