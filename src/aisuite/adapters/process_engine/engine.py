"""The embedded engine: local processes under a private supervisord."""

from __future__ import annotations

import signal
import sys
import time
import xmlrpc.client
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aisuite.adapters.process_engine import log_files
from aisuite.adapters.process_engine.exits import find_exit_code
from aisuite.adapters.process_engine.processes import (
    Process,
    end_processes,
    find_marked,
    find_session,
    is_alive,
    send,
)
from aisuite.adapters.process_engine.records import Records
from aisuite.adapters.process_engine.supervisord import CONFIG, Fault, Supervisord
from aisuite.errors import EngineUnavailable, NotRunning, StepFailed
from aisuite.plan.observed import Findings, Observed, ObservedService, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from aisuite.stack.model import EngineName, Service, Stack

WATCHDOG = "watchdog"  # as the rendered configuration calls it
_POLL = 0.02
_BECOME_WAIT = 10.0  # seconds that the launcher may take to become the program
_STOP_LIMIT = 30.0  # supervisord kills after 10
_DYING = 1.0  # between its closed socket and its end
_STATES = {
    "STARTING": State.STARTING,
    "RUNNING": State.RUNNING,
    "BACKOFF": State.RESTARTING,
    "EXITED": State.RESTARTING,  # whatever ends unasked is started again
    "FATAL": State.FAILED,
    "UNKNOWN": State.FAILED,
    "STOPPING": State.EXITED,
    "STOPPED": State.EXITED,
}
_ENDED = frozenset({State.RESTARTING, State.FAILED, State.EXITED})
_SIGNALS = {name: signal.Signals[f"SIG{name}"] for name in ("KILL", "STOP", "CONT", "TERM")}


class ProcessEngine:
    """Runs the services of one project folder as processes of this user.

    `python` runs supervisord and the launcher; `grace` is how long an orphan may take to end after SIGTERM.
    """

    def __init__(self, folder: Path, python: str = sys.executable, grace: float = 10.0) -> None:
        self._folder = folder = folder.resolve()
        self._grace = grace
        self._daemon = Supervisord(folder, python)
        self._records = Records(folder / "run")

    @property
    def name(self) -> EngineName:
        """Which engine this is."""
        return "process"

    def observe(self) -> Observed:
        """Return one snapshot of the project: no waiting, no change. Works when nothing was ever started."""
        daemon = self._daemon.find()
        known: dict[str, dict[str, Any]] = {}
        if daemon is not None:
            try:
                known = {info["name"]: info for info in self._daemon.call(daemon, "getAllProcessInfo")}
            except (EngineUnavailable, xmlrpc.client.Fault):
                daemon = None
        watched = None if daemon is None else daemon.pid
        services = tuple(self._look_at(name, known.get(name), watched) for name in self._records.names())
        return Observed(engine_up=daemon is not None, services=services)

    def _look_at(self, name: str, info: dict[str, Any] | None, watched: int | None) -> ObservedService:
        record = self._records.process(name)
        process = record.find() if record is not None else None
        state = State.EXITED if info is None else _STATES[info["statename"]]
        if process is not None and process.session != watched:
            state = State.ORPHANED
        elif process is not None and process.paused and state not in _ENDED:
            state = State.PAUSED
        return ObservedService(
            name=name,
            state=state,
            pid=process.pid if process is not None else None,
            started_at=record.at if record is not None and process is not None else None,
            restarts=record.starts - 1 if record is not None else 0,
            exit_code=find_exit_code(self._log("supervisord"), name) if info and state in _ENDED else None,
            fingerprint=self._records.fingerprint(name),
        )

    def open(self, stack: Stack) -> None:
        """Bring up supervisord on the rendered configuration, and take away what a crashed run left behind.

        Services that run under it stay untouched. Raises EngineUnavailable.
        """
        if not (self._folder / CONFIG).is_file():
            raise EngineUnavailable(f"{self._folder / CONFIG} is missing", "aisuite render")
        self._make_folders()
        while (daemon := self._daemon.find(search=True)) is not None and not self._reload(daemon):
            self._end_session(daemon)
        self._end_orphans(daemon)
        if daemon is None:
            self._daemon.launch()  # with the watchdog, where its configuration has one
        else:
            self._keep_watchdog(daemon, wanted=stack.restart_when_hung)

    def _keep_watchdog(self, daemon: Process, *, wanted: bool) -> None:
        if not wanted:
            self._retire(daemon, WATCHDOG)
            return
        with suppress(xmlrpc.client.Fault):  # it is there
            self._daemon.call(daemon, "addProcessGroup", WATCHDOG)

    def _make_folders(self) -> None:
        for name in ("run", "logs", "data"):
            try:
                (self._folder / name).mkdir(mode=0o700, exist_ok=True)
            except OSError as err:
                raise EngineUnavailable(f"cannot make {self._folder / name}: {err.strerror}", "df -h .") from err

    def _reload(self, daemon: Process) -> bool:
        """Let supervisord read its configuration again; return whether it is well."""
        try:
            self._daemon.call(daemon, "reloadConfig")
        except EngineUnavailable:
            return False
        except xmlrpc.client.Fault as err:
            if err.faultCode == Fault.SHUTTING_DOWN:
                return False
            raise EngineUnavailable(f"supervisord refuses {self._folder / CONFIG}: {err.faultString}") from err
        return True

    def start(self, service: Service, fingerprint: Mapping[str, str]) -> None:
        """Start a service from its rendered description; returns when its process exists. What was there is stopped.

        Raises StepFailed with the last line of its log when it cannot be started at all.
        """
        self.stop(service.name)
        daemon = self._daemon.find()
        if daemon is None:
            raise StepFailed(f"{service.name}: supervisord is not running", "aisuite up")
        try:
            self._records.note(service.name, fingerprint, log_files.find_end(self._log(service.name)))
            self._daemon.call(daemon, "addProcessGroup", service.name)
            self._daemon.call(daemon, "startProcess", service.name, False)
            self._wait_for_process(daemon, service.name)
        except xmlrpc.client.Fault as err:
            self.stop(service.name)
            hint = "aisuite down, then aisuite up"
            raise StepFailed(f"{service.name}: supervisord cannot start it: {err.faultString}", hint) from err
        except OSError as err:
            raise StepFailed(f"{service.name}: cannot note its start: {err}", f"df -h {self._folder}") from err

    def _wait_for_process(self, daemon: Process, name: str) -> None:
        deadline = time.monotonic() + _BECOME_WAIT
        while self._records.process(name) is None:
            info = self._daemon.call(daemon, "getProcessInfo", name)
            if info["statename"] != "STARTING" or time.monotonic() > deadline:
                line = next(iter(self.log_tail(name, 1)), "it did not say why")
                self.stop(name)
                raise StepFailed(f"{name} could not be started: {line.removeprefix(f'{name}: ')}")
            time.sleep(_POLL / 2)

    def stop(self, name: str) -> None:
        """Stop a service and forget it: SIGTERM, after 10 s SIGKILL, its group and all its children.

        Fine when it is not there. Raises StepFailed when even SIGKILL does not end it.
        """
        daemon = self._daemon.find()
        if daemon is not None:
            self._wake(name)
            try:
                self._retire(daemon, name)
            except EngineUnavailable:
                if not self._has_ended(daemon, _DYING):
                    raise
        self._end(lambda: self._find_rest(name))
        self._records.forget(name)

    def _find_rest(self, name: str) -> list[Process]:
        """Return what lives of a service: its group, and what it started in groups and sessions of their own."""
        record = self._records.process(name)
        return [*(record.find_group() if record is not None else ()), *find_marked(self._folder, name)]

    def _wake(self, name: str) -> None:
        record = self._records.process(name)
        process = record.find() if record is not None else None
        if process is not None:
            send(process, signal.SIGCONT)  # paused, it would not hear SIGTERM

    def _retire(self, daemon: Process, name: str) -> None:
        """Take a service out of supervisord's hands as soon as it has ended."""
        deadline = time.monotonic() + _STOP_LIMIT
        while time.monotonic() < deadline:
            try:
                # Refused while the process lives; in one step with that check, so that no restart comes in between.
                self._daemon.call(daemon, "removeProcessGroup", name)
            except xmlrpc.client.Fault as err:
                if err.faultCode != Fault.STILL_RUNNING:
                    return
                self._tell_to_stop(daemon, name)
                time.sleep(_POLL)
            else:
                return
        raise StepFailed(f"{name} does not end, not even by SIGKILL")

    def _tell_to_stop(self, daemon: Process, name: str) -> None:
        with suppress(xmlrpc.client.Fault):  # not running, or stopping already: after 10 s supervisord kills it
            self._daemon.call(daemon, "stopProcess", name, False)

    def close(self) -> None:
        """Stop everything of the project, supervisord too. Nothing of it is running afterwards. Idempotent."""
        daemon = self._daemon.find(search=True)
        if daemon is not None:
            with suppress(EngineUnavailable, StepFailed, xmlrpc.client.Fault):  # then it is ended the hard way
                self._shut_down(daemon)
            self._end_session(daemon)
        self._end_orphans(None)
        self._end(lambda: find_marked(self._folder))
        self._daemon.remove_files()
        self._records.forget_all()

    def _shut_down(self, daemon: Process) -> None:
        names = [info["name"] for info in self._daemon.call(daemon, "getAllProcessInfo")]
        for name in names:
            self._wake(name)
            self._tell_to_stop(daemon, name)
        for name in names:
            self._retire(daemon, name)
        self._daemon.call(daemon, "shutdown")
        self._has_ended(daemon, _STOP_LIMIT)

    def _has_ended(self, daemon: Process, patience: float) -> bool:
        deadline = time.monotonic() + patience
        while (lives := is_alive(daemon)) and time.monotonic() < deadline:
            time.sleep(_POLL)
        return not lives

    def _end(self, find: Callable[[], list[Process]]) -> None:
        left = end_processes(find, self._grace)
        if left:
            pids = ", ".join(str(process.pid) for process in left)
            raise StepFailed(
                f"not even SIGKILL ends process {pids}; the kernel holds it", f"ps -o pid,stat,wchan {pids}"
            )

    def _end_session(self, daemon: Process) -> None:
        """End a supervisord that does not obey, with all it has started."""
        send(daemon, signal.SIGKILL)
        self._end(lambda: find_session(daemon))

    def _end_orphans(self, daemon: Process | None) -> None:
        """End and forget the services that this supervisord (None: any) did not start."""
        orphans = [name for name in self._records.names() if daemon is None or self._is_foreign(name, daemon)]
        self._end(lambda: [process for name in orphans for process in self._find_rest(name)])
        for name in orphans:
            self._records.forget(name)

    def _is_foreign(self, name: str, daemon: Process) -> bool:
        record = self._records.process(name)
        return record is not None and record.session != daemon.pid

    def log_tail(self, name: str, lines: int) -> tuple[str, ...]:
        """Return the last lines of a service's log, oldest first; of one that is there, since it was last started."""
        return log_files.read_tail(self._log(name), lines, self._records.log_begin(name))

    def examine(self, name: str) -> Findings:  # noqa: ARG002
        """Return nothing: supervisord counts no ends and hears nothing of the kernel."""
        return Findings()

    def port_holders(self) -> Mapping[int, str]:
        """Return nothing: processes of other projects are this machine's, which can be asked itself."""
        return {}

    def follow(self, name: str, lines: int) -> Iterator[str]:
        """Yield the last lines, then every new one, across rotation, until the caller stops."""
        return log_files.follow(self._log(name), lines, self._records.log_begin(name))

    def signal(self, name: str, signal_name: str) -> None:
        """Send "KILL", "STOP", "CONT" or "TERM" to the service's own process. Raises NotRunning."""
        record = self._records.process(name)
        process = record.find() if record is not None else None
        if process is None or not send(process, _SIGNALS[signal_name]):
            raise NotRunning(f"{name} is not running", "aisuite status")

    def _log(self, name: str) -> Path:
        return self._folder / "logs" / f"{name}.log"
