"""One project's supervisord: start it, find it, talk to it over its socket."""

from __future__ import annotations

import http.client
import os
import shlex
import socket
import subprocess
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

from aisuite.adapters.process_engine import process_exec
from aisuite.adapters.process_engine.processes import Process, find_process, list_processes
from aisuite.adapters.process_engine.socket_path import choose_socket, list_candidates
from aisuite.errors import EngineUnavailable

CONFIG = "process/supervisord.conf"
_LAUNCH_TIMEOUT = 15.0
_PIDFILE_TIMEOUT = 5.0
_POLL = 0.005
_CALL_TIMEOUT = 10.0
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR")


class Fault:
    """supervisord's own numbers for why a call was refused."""

    SHUTTING_DOWN = 6
    BAD_NAME = 10
    NOT_RUNNING = 70
    STILL_RUNNING = 91


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_CALL_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_CALL_TIMEOUT)
        self.sock.connect(self._path)


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _UnixConnection(self._path)
        self._connection = host, connection  # where close() looks for it
        return connection


class Supervisord:
    """The supervisord of a project folder.

    It is known by its environment, which names the folder and the socket and which the kernel keeps: no file that
    could be stale, torn or deleted is trusted.
    """

    def __init__(self, folder: Path, python: str) -> None:
        self._folder = folder
        self._python = python
        self._pidfile = folder / "run" / "supervisord.pid"

    def find(self, *, search: bool = False) -> Process | None:
        """Return the running supervisord; with `search` also one whose pid file was lost."""
        noted = self._find_noted()
        if noted is not None or not search:
            return noted
        return next((process for process in self.find_marked() if process.session == process.pid), None)

    def _find_noted(self) -> Process | None:
        try:
            process = find_process(int(self._pidfile.read_text()))
        except (OSError, ValueError):
            return None
        return process if process is not None and self._is_marked(process) else None

    def find_marked(self) -> list[Process]:
        """Return what carries the project's mark: supervisord, and launchers that have not become a service yet."""
        return [process for process in list_processes() if self._is_marked(process)]

    def _is_marked(self, process: Process) -> bool:
        return self._environment(process.pid) is not None

    def call(self, daemon: Process, method: str, *arguments: Any) -> Any:
        """Call one of its XML-RPC methods. Raises xmlrpc.client.Fault, and EngineUnavailable when it is silent."""
        path = (self._environment(daemon.pid) or {}).get("AISUITE_SOCKET", "")
        transport = _UnixTransport(path)
        try:
            with xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport) as proxy:
                return getattr(proxy, f"supervisor.{method}")(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as err:
            raise EngineUnavailable(f"supervisord (pid {daemon.pid}) does not answer: {err}", "aisuite down") from err

    def launch(self) -> Process:
        """Start it and wait until it answers. Raises EngineUnavailable."""
        self._pidfile.unlink(missing_ok=True)
        launch = [self._python, "-I", "-S", process_exec.__file__]
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        environment |= {
            "AISUITE_FOLDER": str(self._folder),
            "AISUITE_SOCKET": str(choose_socket(self._folder)),
            "AISUITE_LAUNCH": shlex.join(launch),
        }
        try:
            # It binds its socket, then goes to the background by itself; -P keeps the project folder off sys.path.
            result = subprocess.run(
                [self._python, "-P", "-m", "supervisor.supervisord", "-c", CONFIG],
                cwd=self._folder,
                env=environment,
                umask=0o077,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LAUNCH_TIMEOUT,
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as err:
            raise EngineUnavailable(f"cannot start supervisord: {err}") from err
        daemon = self._wait_for_it() if result.returncode == 0 else None
        if daemon is None:
            raise _launch_error(result.stdout + result.stderr)
        self.call(daemon, "getState")
        return daemon

    def _wait_for_it(self) -> Process | None:
        """Wait until the process in the background has written its pid file."""
        deadline = time.monotonic() + _PIDFILE_TIMEOUT
        while (daemon := self.find()) is None and time.monotonic() < deadline:
            time.sleep(_POLL)
        return daemon

    def remove_files(self) -> None:
        """Remove what a killed one leaves."""
        self._pidfile.unlink(missing_ok=True)
        for path in list_candidates(self._folder):
            path.unlink(missing_ok=True)

    def _environment(self, pid: int) -> dict[str, str] | None:
        """Return the environment it was started with; None when the process has not the project's mark."""
        place = Path(f"/proc/{pid}")
        try:
            owner = place.stat().st_uid
            text = os.fsdecode((place / "environ").read_bytes())
        except OSError:
            return None
        environment = dict(entry.partition("=")[::2] for entry in text.split("\0"))
        ours = owner == os.getuid() and environment.get("AISUITE_FOLDER") == str(self._folder)
        return environment if ours else None


def _launch_error(output: str) -> EngineUnavailable:
    if "No module named" in output:
        return EngineUnavailable("supervisor is not installed", "pip install 'aisuite[local]'")
    lines = [line for line in output.splitlines() if line.startswith("Error")] or output.splitlines()[-1:]
    return EngineUnavailable(f"supervisord did not start: {lines[0] if lines else 'it said nothing'}")
