"""From a service of our Compose subset to the body of the Engine API's request that makes its container. Pure.

The SDK's own types drop fields that we need (StartInterval), so the body is written here as the API defines it:
https://docs.docker.com/reference/api/engine/
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aisuite.stack.compose import ComposeFile, ComposeService, Healthcheck, Volume

_NANO = 10**9
_MIB = 2**20
# API 1.44 came with Docker 25: several networks in one request, and `start_interval`.
_DOCKER_25 = (1, 44)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a project runs: relative paths are below its folder, names begin with the project's."""

    project: str
    folder: Path
    api_version: tuple[int, int]

    @property
    def has_docker_25(self) -> bool:
        """Whether the engine knows what came with Docker 25."""
        return self.api_version >= _DOCKER_25

    def container(self, service: str) -> str:
        """Return a service's container name, as Compose forms it."""
        return f"{self.project}-{service}-1"

    def owned(self, name: str) -> str:
        """Return the engine-wide name of a network or volume, as Compose forms it."""
        return f"{self.project}_{name}"


def container_config(name: str, compose: ComposeFile, place: Place, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the request body for the service's container.

    Networks that the engine cannot take in this request are those of `later_networks`.
    """
    service = compose.services[name]
    ports = [_port(text) for text in service.ports]
    body = {
        "Image": service.image,
        "Cmd": list(service.command),
        "Env": [f"{key}={value}" for key, value in service.environment.items()],
        "Labels": dict(labels),
        "ExposedPorts": {port: {} for port, _ in ports},
        "Healthcheck": _healthcheck(service.healthcheck, start_interval=place.has_docker_25),
        "HostConfig": _host_config(service, ports, _mounts(service, compose, place), place),
        "NetworkingConfig": {"EndpointsConfig": _first_networks(name, service, place)},
    }
    if service.entrypoint is not None:
        body["Entrypoint"] = list(service.entrypoint)
    if service.user is not None:
        body["User"] = service.user
    return body


def later_networks(name: str, service: ComposeService, place: Place) -> dict[str, list[str]]:
    """Return {network: aliases} to connect after the container was made and before it starts."""
    if place.has_docker_25:
        return {}
    return {place.owned(network): aliases_of(name, place) for network in service.networks[1:]}


def _first_networks(name: str, service: ComposeService, place: Place) -> dict[str, Any]:
    networks = service.networks if place.has_docker_25 else service.networks[:1]
    return {place.owned(network): {"Aliases": aliases_of(name, place)} for network in networks}


def aliases_of(name: str, place: Place) -> list[str]:
    """Return the names under which a service's container is found in its networks."""
    return [place.container(name), name]


def _host_config(
    service: ComposeService, ports: list[tuple[str, dict[str, str]]], mounts: list[dict[str, Any]], place: Place
) -> dict[str, Any]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port, binding in ports:
        bindings.setdefault(port, []).append(binding)
    return {
        "NetworkMode": place.owned(service.networks[0]),
        "PortBindings": bindings,
        "Mounts": mounts,
        "Tmpfs": dict(_tmpfs(text) for text in service.tmpfs),
        "Init": service.init,
        "ReadonlyRootfs": service.read_only,
        "CapDrop": list(service.cap_drop),
        "CapAdd": list(service.cap_add),
        "SecurityOpt": list(service.security_opt),
        "PidsLimit": service.pids_limit,
        "RestartPolicy": {"Name": service.restart},
        "LogConfig": {"Type": service.logging.driver, "Config": dict(service.logging.options)},
        **_resources(service),
    }


def _resources(service: ComposeService) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if service.deploy is None:
        return found
    limits, reservations = service.deploy.resources.limits, service.deploy.resources.reservations
    if limits is not None and limits.cpus is not None:
        found["NanoCpus"] = int(Decimal(limits.cpus) * _NANO)
    if limits is not None and limits.memory is not None:
        found["Memory"] = int(limits.memory.removesuffix("m")) * _MIB
    if reservations is not None:
        found["DeviceRequests"] = [
            {"Driver": one.driver, "DeviceIDs": list(one.device_ids), "Capabilities": [list(one.capabilities)]}
            for one in reservations.devices
        ]
    return found


def _mounts(service: ComposeService, compose: ComposeFile, place: Place) -> list[dict[str, Any]]:
    secrets = (
        _bind(_absolute(compose.secrets[name].file, place.folder), f"/run/secrets/{name}", read_only=True)
        for name in service.secrets
    )
    return [*(_mount(volume, place) for volume in service.volumes), *secrets]


def _mount(volume: Volume, place: Place) -> dict[str, Any]:
    if volume.type == "bind":
        return _bind(_absolute(volume.source, place.folder), volume.target, read_only=volume.read_only)
    return {
        "Type": "volume",
        "Source": place.owned(volume.source),
        "Target": volume.target,
        "ReadOnly": volume.read_only,
    }


def _bind(source: str, target: str, *, read_only: bool) -> dict[str, Any]:
    # As a mount and not as a "bind" string: with those, a source that is missing becomes a folder of root.
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": read_only}


def _absolute(path: str, folder: Path) -> str:
    return str(folder / path)  # pathlib drops "./" and keeps what is absolute


def _port(text: str) -> tuple[str, dict[str, str]]:
    """Read "host:port:port"; an IPv6 host stands in brackets."""
    published, _, inside = text.rpartition(":")
    host, _, port = published.rpartition(":")
    return f"{inside}/tcp", {"HostIp": host.removeprefix("[").removesuffix("]"), "HostPort": port}


def _tmpfs(text: str) -> tuple[str, str]:
    target, _, options = text.partition(":")
    return target, options


def _healthcheck(check: Healthcheck, *, start_interval: bool) -> dict[str, Any]:
    found = {
        "Test": list(check.test),
        "Interval": _nanoseconds(check.interval),
        "Timeout": _nanoseconds(check.timeout),
        "Retries": check.retries,
        "StartPeriod": _nanoseconds(check.start_period),
    }
    if start_interval and check.start_interval is not None:
        found["StartInterval"] = _nanoseconds(check.start_interval)
    return found


def _nanoseconds(duration: str) -> int:
    return int(Decimal(duration.removesuffix("s")) * _NANO)
