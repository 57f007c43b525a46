"""One project's supervisord: start it, find it, talk to it over its socket."""

from __future__ import annotations

import http.client
import os
import shlex
import socket
import subprocess
import time
import xmlrpc.client
from typing import TYPE_CHECKING, Any

from aisuite.adapters.process_engine import process_exec
from aisuite.adapters.process_engine.process_exec import FOLDER_MARK, KEPT_VARIABLES, read_environment
from aisuite.adapters.process_engine.processes import Process, find_marked, find_process
from aisuite.adapters.process_engine.socket_path import choose_socket, list_candidates
from aisuite.errors import EngineUnavailable

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "process/supervisord.conf"
_LAUNCH_TIMEOUT = 15.0
_PIDFILE_TIMEOUT = 5.0
_POLL = 0.005
_CALL_TIMEOUT = 10.0
_SOCKET, _LAUNCH = "AISUITE_SOCKET", "AISUITE_LAUNCH"  # as the rendered configuration reads them


class Fault:
    """supervisord's own numbers for why a call was refused."""

    SHUTTING_DOWN = 6
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
        try:
            noted = find_process(int(self._pidfile.read_text()))
        except (OSError, ValueError):
            noted = None
        if noted is not None and self._find_socket(noted) is not None:
            return noted
        candidates = find_marked(self._folder) if search else []
        return next((process for process in candidates if self._find_socket(process) is not None), None)

    def _find_socket(self, process: Process) -> str | None:
        """Return its socket; None when the process is not this project's supervisord."""
        environment = read_environment(process.pid)
        ours = environment.get(FOLDER_MARK) == str(self._folder) and process.session == process.pid
        return environment.get(_SOCKET) if ours else None

    def call(self, daemon: Process, method: str, *arguments: Any) -> Any:
        """Call one of its XML-RPC methods. Raises xmlrpc.client.Fault, and EngineUnavailable when it is silent."""
        path = self._find_socket(daemon)
        if path is None:
            raise EngineUnavailable(f"supervisord (pid {daemon.pid}) has ended", "aisuite up")
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
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        environment |= {
            FOLDER_MARK: str(self._folder),
            _SOCKET: str(choose_socket(self._folder)),
            _LAUNCH: shlex.join(launch),
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
            raise _launch_error(result)
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


def _launch_error(result: subprocess.CompletedProcess[str]) -> EngineUnavailable:
    output = result.stdout + result.stderr
    if "No module named" in output:
        return EngineUnavailable("supervisor is not installed", "pip install 'aisuite[local]'")
    lines = [line for line in output.splitlines() if line.startswith("Error")] or output.splitlines()[-1:]
    reason = lines[0] if lines else f"it ended silently, exit code {result.returncode}"
    return EngineUnavailable(f"supervisord did not start: {reason}")
