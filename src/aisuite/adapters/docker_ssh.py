"""An engine behind ssh, reached as the docker command reaches it: with the user's own ssh, and its configuration."""

from __future__ import annotations

import shutil
import socket
import subprocess
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from docker.api import APIClient
from docker.errors import DockerException
from docker.transport.basehttpadapter import BaseHTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

_FAR_END = "docker system dial-stdio"
_PATIENCE = 5.0  # seconds for ssh to end
# Any that the SDK and the engine both know; the engine's own is asked for with it.
_FIRST_VERSION = "1.41"


def connect_by_ssh(url: str, timeout: int, connections: int) -> Any:
    """Return the SDK's low-level client for "ssh://[user@]host[:port]"; the SDK's own way needs Paramiko.

    Raises OSError, DockerException.
    """
    if shutil.which("ssh") is None:
        raise DockerException("there is no program ssh on this machine")
    with closing(_client(url, _FIRST_VERSION, timeout, connections)) as first:
        version = first.version(api_version=False)["ApiVersion"]
    return _client(url, version, timeout, connections)


def _client(url: str, version: str, timeout: int, connections: int) -> Any:
    client = APIClient("unix:///never-opened", version=version, timeout=timeout, max_pool_size=connections)
    client.mount("http+docker://", _SshAdapter(ssh_command(url), timeout, connections))
    return client


def ssh_command(url: str) -> list[str]:
    """Return the command that connects its input and output to the engine; a host is never read as an option."""
    place = urlsplit(url)
    user = ["-l", place.username] if place.username else []
    port = ["-p", str(place.port)] if place.port else []
    return ["ssh", *user, *port, "-o", "ConnectTimeout=30", "-T", "--", place.hostname or "", _FAR_END]


class _SshConnection(HTTPConnection):
    """HTTP on the input and output of a program. What ssh has to say goes where our own errors go."""

    def __init__(self, command: list[str], timeout: int) -> None:
        super().__init__("localhost", timeout=timeout)
        self._command, self._seconds = command, timeout
        self._program: subprocess.Popen[bytes] | None = None

    def connect(self) -> None:
        """Start the program; it ends with the connection, and not by Ctrl-C: there may be something to take back."""
        here, there = socket.socketpair()
        with there:
            try:
                self._program = subprocess.Popen(
                    self._command, stdin=there.fileno(), stdout=there.fileno(), start_new_session=True
                )
            except OSError:
                here.close()
                raise
        here.settimeout(self._seconds)
        self.sock = here

    def close(self) -> None:
        """End the program."""
        super().close()
        program, self._program = self._program, None
        if program is not None:
            program.terminate()
            program.wait(_PATIENCE)


class _SshAdapter(BaseHTTPAdapter):  # type: ignore[misc]
    """Sends all requests of a client through one pool of connections."""

    def __init__(self, command: list[str], timeout: int, connections: int) -> None:
        self._pool = HTTPConnectionPool("localhost", timeout=timeout, maxsize=connections)
        self._pool.ConnectionCls = lambda *_, **__: _SshConnection(command, timeout)  # type: ignore[assignment]
        super().__init__()

    def get_connection(self, url: str, proxies: Any = None) -> HTTPConnectionPool:  # noqa: ARG002  requests' own
        """Return the pool."""
        return self._pool

    def request_url(self, request: Any, proxies: Any) -> str:  # noqa: ARG002  requests' own
        """Return what stands in the request line."""
        return str(request.path_url)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()
        super().close()
