"""The connection to the Docker Engine that the docker command would use; engine and images share this door."""

from __future__ import annotations

import os
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aisuite.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_SOCKET = "unix:///var/run/docker.sock"

OLDEST_API = (1, 41)

_TIMEOUT = 60  # seconds for one answer; stopping a container adds its grace
_CONNECTIONS = 32


def connect() -> Any:
    """Return the SDK's low-level client for DOCKER_HOST, or else for the current context.

    Raises EngineUnavailable.
    """
    # Here, because a command that needs no container must not pay for it.
    from docker.api import APIClient
    from docker.errors import DockerException

    url = ""
    try:
        address = _address()
        url = address["base_url"]
        if url.startswith("ssh://"):
            return _new_enough(_connect_by_ssh(url), url)
        _knock(url)
        client = APIClient(**address, version="auto", timeout=_TIMEOUT, max_pool_size=_CONNECTIONS)
    except (DockerException, OSError, ValueError) as err:  # the last for what is no URL
        raise unreachable(err, url) from err
    return _new_enough(client, url)


def _connect_by_ssh(url: str) -> Any:
    from aisuite.adapters.docker_ssh import connect_by_ssh

    return connect_by_ssh(url, _TIMEOUT, _CONNECTIONS)


def _new_enough(client: Any, url: str) -> Any:
    if api_version(client) >= OLDEST_API:
        return client
    spoken = client.api_version
    client.close()
    needed = ".".join(map(str, OLDEST_API))
    raise EngineUnavailable(
        f"Docker at {url} speaks the API {spoken}; aisuite needs {needed}, which came with Docker Engine 20.10",
        "docker version   # then a newer engine",
    )


def engine_address() -> str:
    """Return the URL of the engine: unix, tcp or ssh."""
    return str(_address()["base_url"])


def remote_host(address: str) -> str | None:
    """Return the other machine that an engine's address names; None for a socket, and for what loops back to here."""
    host = urlsplit(address).hostname
    if host is None or host == "localhost":
        return None
    try:
        return None if ip_address(host).is_loopback else host
    except ValueError:  # a name
        return host


def _address() -> dict[str, Any]:
    """Return "base_url" and "tls" of the engine that the docker command would ask. DOCKER_HOST outdoes contexts."""
    from docker.context import ContextAPI
    from docker.utils import kwargs_from_env

    if os.environ.get("DOCKER_HOST"):
        return {"base_url": os.environ["DOCKER_HOST"], **kwargs_from_env()}
    name = os.environ.get("DOCKER_CONTEXT")
    context = ContextAPI.get_context(name)
    if context is None:
        chosen = f"{name} (DOCKER_CONTEXT)" if name else "the one that the docker command uses"
        raise EngineUnavailable(f"there is no such Docker context: {chosen}", "docker context ls")
    if context.Host == DEFAULT_SOCKET:
        return {"base_url": DEFAULT_SOCKET}
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


def unreachable(err: BaseException, address: str | None = None) -> EngineUnavailable:
    """Return the error for an engine that does not answer, from whatever the SDK made of it.

    `address` is that of the current context, where it names another one than usual.
    """
    named = os.environ.get("DOCKER_HOST", "")
    place = f"{named} (DOCKER_HOST)" if named else f"{address or DEFAULT_SOCKET} (DOCKER_HOST is not set)"
    causes = list(_causes(err))
    if any(isinstance(cause, PermissionError) for cause in causes):
        hint = "sudo usermod -aG docker $USER   # then log in again"
        return EngineUnavailable(f"this user may not talk to Docker at {place}", hint)
    if any(isinstance(cause, FileNotFoundError | ConnectionRefusedError) for cause in causes):
        return EngineUnavailable(f"no Docker answers at {place}", "sudo systemctl start docker")
    return EngineUnavailable(f"Docker at {place} does not answer: {err}", "docker version")


def _causes(err: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that stands behind it: libraries hide the cause in `args` as well."""
    todo: list[BaseException] = [err]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        behind = (one.__cause__, one.__context__, *one.args, getattr(one, "reason", None))
        todo += [other for other in behind if isinstance(other, BaseException)]
