"""A closer look at local processes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aisuite.adapters.process_engine import log_files
from aisuite.adapters.process_engine.engine import ProcessEngine
from aisuite.adapters.process_engine.process_exec import (
    CANNOT_RUN,
    FOLDER_MARK,
    SERVICE_MARK,
    CannotRun,
    build_environment,
    read_json,
)
from aisuite.adapters.process_engine.processes import find_marked
from aisuite.errors import NotRunning, StepFailed
from aisuite.plan.observed import ALIVE
from aisuite.ports.insight import EngineEvent, Listed, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from aisuite.plan.observed import ObservedService
    from aisuite.ports.insight import Streams

_LINES = 10_000  # of supervisord's log, which begins anew at 1 MB
_EVENT = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \w+ "
    r"(?P<what>spawned|exited|stopped|gave up): '?(?P<service>[\w.-]+)'?(?: with)? ?(?P<detail>.*)"
)
_BY_SIGNAL = 128


class ProcessInsight:
    """Looks into the project of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._engine = ProcessEngine(folder)

    def list(self) -> tuple[Listed, ...]:
        """Return all services that were started and not stopped since."""
        return tuple(self._describe(found) for found in self._engine.observe().services)

    def _describe(self, found: ObservedService) -> Listed:
        return Listed(
            service=found.name,
            name="-" if found.pid is None else str(found.pid),
            state=found.state,
            health=None,
            image=None,
            command=shlex.join(self._description(found.name).get("argv", ())),
            started_at=found.started_at,
            exit_code=found.exit_code,
            ports=() if found.pid is None else _listening(found.pid),
        )

    def tasks(self, service: str) -> tuple[Task, ...]:
        """Return the processes of a service, oldest first: its own, and all that these have started."""
        import psutil

        found = []
        for process in sorted(find_marked(self._folder, service), key=lambda one: one.started):
            with suppress(psutil.Error):  # it has ended meanwhile
                found.append(_task(psutil.Process(process.pid)))
        return tuple(found)

    def events(self, since: float, *, follow: bool) -> Iterator[EngineEvent]:
        """Yield what supervisord has noted since then."""
        log = self._folder / "logs" / "supervisord.log"
        lines: Iterator[str] = log_files.follow(log, _LINES) if follow else iter(log_files.read_tail(log, _LINES))
        return (event for event in events_of(lines) if event.at >= since)

    def run(self, service: str, command: Sequence[str], streams: Streams) -> int:
        """Run a command with a service's variables, keys included, in its folder; it ends with the service.

        Raises NotRunning, StepFailed.
        """
        found = self._engine.observe().find(service)
        if found is None or found.state not in ALIVE:
            raise NotRunning(f"{service} is not running", "aisuite status")
        description = self._description(service)
        marks = {FOLDER_MARK: str(self._folder), SERVICE_MARK: service}
        try:
            environment = build_environment(description, self._folder, marks)
        except (CannotRun, KeyError) as err:
            raise StepFailed(f"{service}: its description cannot be used: {err}", "aisuite render") from err
        program = shutil.which(command[0], path=environment.get("PATH"))
        if program is None:
            os.write(streams.stderr, f"{command[0]}: there is no such program for {service}\n".encode())
            return CANNOT_RUN
        process = subprocess.Popen(
            [program, *command[1:]],
            cwd=description["working_dir"],
            env=environment,
            stdin=streams.stdin,
            stdout=streams.stdout,
            stderr=streams.stderr,
        )
        return _wait(process)

    def _description(self, service: str) -> dict[str, Any]:
        return read_json(self._folder / "process" / "services" / f"{service}.json") or {}


def _wait(process: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            continue  # the command has heard it, too; what it means is its own affair
        return code if code >= 0 else _BY_SIGNAL - code


def events_of(lines: Iterable[str]) -> Iterator[EngineEvent]:
    """Return what lines of supervisord's log tell about services."""
    for line in lines:
        match = _EVENT.match(line)
        if match is not None:
            with suppress(ValueError):  # no such day
                at = datetime.strptime(match["at"], "%Y-%m-%d %H:%M:%S,%f").timestamp()  # noqa: DTZ007  local time
                yield EngineEvent(at, match["service"], match["what"], match["detail"].strip("()"))


def _task(process: Any) -> Task:
    with process.oneshot():
        times, seconds = process.cpu_times(), max(time.time() - process.create_time(), 0.01)
        return Task(
            pid=process.pid,
            user=process.username(),
            cpu_percent=round(100 * (times.user + times.system) / seconds, 1),
            memory=process.memory_info().rss,
            seconds=round(seconds, 1),
            command=shlex.join(process.cmdline()),
        )


def _listening(pid: int) -> tuple[str, ...]:
    import psutil

    try:
        process = psutil.Process(pid)
        sockets = [one for member in (process, *process.children(recursive=True)) for one in _sockets(member)]
    except psutil.Error:
        return ()
    places = {(one.laddr.ip, one.laddr.port) for one in sockets if one.status == psutil.CONN_LISTEN and one.laddr}
    return tuple(f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for ip, port in sorted(places))


def _sockets(process: Any) -> list[Any]:
    connections: list[Any] = process.net_connections(kind="tcp")
    return connections
