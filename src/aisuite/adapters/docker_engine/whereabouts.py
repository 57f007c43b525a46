"""Whether the engine's machine is this one; and if not, whether a project of this machine can run there."""

from __future__ import annotations

import base64
import json
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aisuite.adapters.docker_client import remote_host
from aisuite.adapters.docker_engine.container_config import container_config
from aisuite.adapters.docker_engine.labels import ONE_OFF, WORKING_DIR, project_labels
from aisuite.errors import EngineUnavailable

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from aisuite.adapters.docker_engine.container_config import Place
    from aisuite.stack.compose import ComposeFile

_SEEN = "/aisuite-sees"
_AT_ONCE = 4
_FOLDER = 1 << 31  # in the engine's modes, which are Go's
_SLACK = 2.0  # seconds: file systems that machines share do not all keep finer times


def check_whereabouts(client: Any, address: str, compose: ComposeFile, place: Place) -> None:
    """Raise EngineUnavailable when the engine sees other files than we do, or would open ports out of our reach.

    `address` is how the engine is reached. One behind a socket of this machine that goes by this machine's name is
    believed.
    """
    by_socket = urlsplit(address).scheme == "unix"
    if by_socket and client.info()["Name"] == socket.gethostname():
        return
    bodies = {name: container_config(name, compose, place, {}) for name in compose.services}
    if not by_socket:
        check_ports(address, bodies)
    _check_files(client, bodies, place)


def check_ports(address: str, bodies: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise EngineUnavailable for a port that only the engine's own machine could reach, which is another one."""
    host = remote_host(address)
    if host is None:
        return
    for service, body in bodies.items():
        for bindings in body["HostConfig"]["PortBindings"].values():
            for binding in bindings:
                published = ip_address(binding["HostIp"])
                if published.is_loopback or published.is_unspecified:
                    raise EngineUnavailable(
                        f"Docker runs on {host}: {service} would listen on {published} there, out of reach from here",
                        f"run aisuite there: ssh {host}; or set host: in the profile to the address of {host}",
                    )


def _check_files(client: Any, bodies: Mapping[str, Mapping[str, Any]], place: Place) -> None:
    image, paths = next(iter(bodies.values()))["Image"], bound_paths(bodies.values())
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda path: _find_difference(client, image, path, place), paths)
        wrong = [f"{path} {why}" for path, why in zip(paths, found, strict=True) if why]
    if wrong:
        lines = ["Docker's machine has not the files of this one:", *wrong]
        raise EngineUnavailable("\n  ".join(lines), "docker context ls; or run aisuite on the machine of Docker")


def bound_paths(bodies: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return every path of the host that the containers use, each once."""
    mounts = (mount for body in bodies for mount in body["HostConfig"]["Mounts"] if mount["Type"] == "bind")
    return tuple(dict.fromkeys(mount["Source"] for mount in mounts))


def _find_difference(client: Any, image: str, path: str, place: Place) -> str:
    """Return in words how the engine's idea of a path differs from ours; empty when it does not, or cannot yet."""
    before = _stat_here(path)
    if before is None:
        return ""  # it is being made, or its absence is told by what needs it
    there = _stat_there(client, image, path, place)
    if there is None:
        return "is not there"
    after = _stat_here(path) or before  # demo models are written meanwhile
    return "" if is_same(before, there) or is_same(after, there) else "is something else there"


def _stat_here(path: str) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except OSError:
        return None


def is_same(here: os.stat_result, there: Mapping[str, Any]) -> bool:
    """Whether a file or folder of this machine is what the engine's stat ("mode", "size", "mtime") tells of."""
    folder = stat.S_ISDIR(here.st_mode)
    seconds = datetime.fromisoformat(there["mtime"]).timestamp()
    same = bool(there["mode"] & _FOLDER) == folder and (folder or there["size"] == here.st_size)
    return same and abs(seconds - here.st_mtime) <= _SLACK


def _stat_there(client: Any, image: str, path: str, place: Place) -> Mapping[str, Any] | None:
    """Return the engine's stat of a path, None when it has none: told by a container that is made and never started."""
    from docker.errors import APIError

    # A crash in between leaves what `down` takes away.
    labels = {**project_labels(place.project), WORKING_DIR: str(place.folder), ONE_OFF: "True"}
    mount = {"Type": "bind", "Source": path, "Target": _SEEN, "ReadOnly": True}
    host = {"Mounts": [mount], "NetworkMode": "none"}
    body = {"Image": image, "Cmd": ["never"], "Labels": labels, "HostConfig": host}
    try:
        identity = client.create_container_from_config(body)["Id"]
    except APIError as err:
        if "source path does not exist" in str(err.explanation):
            return None
        raise
    try:
        return _stat(client, identity)
    finally:
        client.remove_container(identity, force=True, v=True)


def _stat(client: Any, identity: str) -> Mapping[str, Any]:
    # The SDK would fetch the files with it.
    url = client._url("/containers/{0}/archive", identity)
    answer = client.head(url, params={"path": _SEEN}, timeout=client.timeout)
    client._raise_for_status(answer)
    found: dict[str, Any] = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
    return found
