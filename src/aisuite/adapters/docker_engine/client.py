"""The connection to the engine that the docker command would use."""

from __future__ import annotations

import os
import socket
from typing import Any

from aisuite.adapters.docker_engine.faults import DEFAULT_SOCKET, unreachable

_TIMEOUT = 60  # seconds for one answer; stopping a container adds its grace
_CONNECTIONS = 32


def connect() -> Any:
    """Return the SDK's low-level client for DOCKER_HOST, or else for the current context.

    Raises EngineUnavailable.
    """
    # Here, because a command that needs no container must not pay for it.
    from docker.api import APIClient
    from docker.errors import DockerException

    address = _address()
    try:
        _knock(address["base_url"] or DEFAULT_SOCKET)
        return APIClient(**address, version="auto", timeout=_TIMEOUT, max_pool_size=_CONNECTIONS, use_ssh_client=True)
    except (DockerException, OSError) as err:
        raise unreachable(err, address["base_url"]) from err


def _address() -> dict[str, Any]:
    from docker.context import ContextAPI
    from docker.utils import kwargs_from_env

    if os.environ.get("DOCKER_HOST"):
        return {"base_url": None, **kwargs_from_env()}
    context = ContextAPI.get_current_context()
    if context is None or context.Host == DEFAULT_SOCKET:
        return {"base_url": None}
    return {"base_url": context.Host, "tls": context.TLSConfig or False}


def _knock(url: str) -> None:
    """Raise OSError when nobody answers at a local socket: the SDK would bury the reason, and leak the socket."""
    scheme, _, path = url.partition("://")
    if scheme in {"unix", "http+unix"}:
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(path)


def api_version(client: Any) -> tuple[int, int]:
    """Return the version of the Engine API that was agreed on."""
    major, minor = str(client.api_version).split(".")[:2]
    return int(major), int(minor)
