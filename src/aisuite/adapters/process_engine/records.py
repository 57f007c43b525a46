"""What the engine and the launcher note down about each service, in `run/`."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from aisuite.adapters.process_engine.log_files import LogMark
from aisuite.adapters.process_engine.process_exec import read_boot_id, read_json, write_json
from aisuite.adapters.process_engine.processes import Process, find_process, list_processes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """The process that a service became: written by the launcher just before it execs."""

    pid: int
    started: int  # clock ticks since boot
    boot: str
    session: int  # the id of the supervisord that started it
    at: float  # seconds since the epoch
    starts: int

    def find(self) -> Process | None:
        """Return the recorded process if it still lives."""
        process = find_process(self.pid) if self.boot == read_boot_id() else None
        return process if process is not None and process.started == self.started else None

    def find_group(self) -> list[Process]:
        """Return what lives of the recorded process and its group, also when the process itself is gone."""
        if self.boot != read_boot_id():
            return []
        leader = find_process(self.pid)
        if leader is not None and leader.started != self.started:
            return []  # the id belongs to somebody else by now, so the group is gone
        return [
            process
            for process in list_processes()
            if process.group == self.pid and process.session == self.session and process.started >= self.started
        ]


class Records:
    """The notes of one project. `<service>.json` is the engine's, `<service>.pid.json` the launcher's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Return the services that were started and not stopped since, sorted."""
        try:
            files = [path.name for path in self._folder.iterdir() if path.suffix == ".json"]
        except FileNotFoundError:
            return []
        return sorted({name.removesuffix(".json").removesuffix(".pid") for name in files})

    def note(self, name: str, fingerprint: Mapping[str, str], log_end: LogMark | None) -> None:
        """Begin a new record of a service; its log, so far, ends there."""
        mark = None if log_end is None else asdict(log_end)
        write_json(self._folder / f"{name}.json", {"fingerprint": dict(fingerprint), "log": mark})

    def fingerprint(self, name: str) -> dict[str, str]:
        """Return what the service was started with."""
        content = read_json(self._folder / f"{name}.json") or {}
        found = content.get("fingerprint")
        return found if isinstance(found, dict) else {}

    def log_begin(self, name: str) -> LogMark | None:
        """Return where in its log the service's present life begins; None: at the very beginning."""
        content = read_json(self._folder / f"{name}.json") or {}
        try:
            return LogMark(**content["log"])
        except (KeyError, TypeError):
            return None

    def process(self, name: str) -> ProcessRecord | None:
        """Return the record of its process, once there is one."""
        content = read_json(self._folder / f"{name}.pid.json")
        try:
            return ProcessRecord(**content) if content is not None else None
        except TypeError:
            return None

    def forget_all(self) -> None:
        """Take the whole folder away."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._folder)

    def forget(self, name: str) -> None:
        """Take the service's records away."""
        for suffix in (".json", ".pid.json"):
            (self._folder / f"{name}{suffix}").unlink(missing_ok=True)
