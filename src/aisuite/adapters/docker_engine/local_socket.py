"""Reading from an engine on this machine with the standard library alone.

A look at what runs is most of what `status`, and `up` with nothing to do, ask for; importing the SDK would take
longer than everything else they do together.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from aisuite.adapters.docker_client import DEFAULT_SOCKET
from aisuite.adapters.docker_engine.faults import explain

_TIMEOUT = 60.0


def find_local_socket() -> str | None:
    """Return the path of the engine's socket when it is plainly one of this machine's; None: ask the SDK."""
    url = os.environ.get("DOCKER_HOST") or ("" if _has_context() else DEFAULT_SOCKET)
    scheme, _, path = url.partition("://")
    return path if scheme == "unix" and path else None


def _has_context() -> bool:
    """Whether the docker command talks to something else than its default here."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        chosen = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("currentContext")
    except FileNotFoundError:
        chosen = None
    except (OSError, ValueError, AttributeError):
        return True  # whatever this is, the SDK knows better
    return bool(os.environ.get("DOCKER_CONTEXT") or chosen)


class LocalReader:
    """Asks on the engine's own socket. One connection; close it after use."""

    def __init__(self, path: str) -> None:
        self._connection = _Connection(path)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def containers(self, labels: list[str]) -> list[dict[str, Any]]:
        """Return all containers, running or not, with these labels."""
        found: list[dict[str, Any]] = self._read("/containers/json", all="1", filters=json.dumps({"label": labels}))
        return found

    def networks(self, labels: list[str]) -> list[dict[str, Any]]:
        """Return all networks with these labels."""
        found: list[dict[str, Any]] = self._read("/networks", filters=json.dumps({"label": labels}))
        return found

    def inspect(self, identity: str) -> dict[str, Any] | None:
        """Return all about one container, None when it is not there any more."""
        found: dict[str, Any] | None = self._read(f"/containers/{identity}/json")
        return found

    def api_version(self) -> tuple[int, int]:
        """Return the newest API that the engine speaks. Raises OSError, ValueError."""
        found = self._read("/version") or {}
        major, _, minor = str(found.get("ApiVersion")).partition(".")
        return int(major), int(minor)

    def info(self) -> dict[str, Any]:
        """Return what the engine says of itself and its machine."""
        found: dict[str, Any] = self._read("/info") or {}
        return found

    def image(self, reference: str) -> dict[str, Any] | None:
        """Return all about one image, None when it is not there."""
        found: dict[str, Any] | None = self._read(f"/images/{quote(reference, safe='/:@')}/json")
        return found

    def _read(self, path: str, **query: str) -> Any:
        self._connection.request("GET", f"{path}?{urlencode(query)}")
        response = self._connection.getresponse()
        body = response.read()
        if response.status == http.client.NOT_FOUND:
            return None
        if response.status != http.client.OK:
            raise explain("the project", body.decode(errors="replace"))
        return json.loads(body)


class _Connection(http.client.HTTPConnection):
    """HTTP on a socket that is a file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Open the socket; a failure leaves none behind."""
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.sock.settimeout(_TIMEOUT)
            self.sock.connect(self._path)
        except OSError:
            self.close()
            raise
