"""Where everything of a stack lies and listens, on local processes or in containers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.profile.dependencies import DEFAULT_PORTS, INFERENCE
from aisuite.stack.model import Endpoint, HealthTiming
from aisuite.units import Port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aisuite.stack.model import Site
    from aisuite.units import Mib

SERVICE_KEY = "service_key"  # between our services
GATEWAY_KEY = "gateway_key"  # what users get
MODELS_IN_CONTAINER = "/models"
DATA_IN_CONTAINER = "/data"
_DOCKER_25 = (1, 44)  # its API; the first Docker that asks more often while a container starts
_INFERENCE_PORT = Port(8001)  # the same in every container: they do not share an address


@dataclass(frozen=True, slots=True)
class Places:
    """Answers "where" for one profile on one site."""

    site: Site
    bind: str
    ports: Mapping[str, Port]
    models: Path
    data: Path

    @property
    def containers(self) -> bool:
        """Whether services run in containers, with an address and a file system of their own."""
        return self.site.engine == "docker"

    def published(self, service: str) -> Endpoint:
        """Return where this machine reaches a service."""
        return Endpoint(self.bind, self.ports[service])

    def listen(self, service: str) -> Endpoint:
        """Return what a service binds."""
        if not self.containers:
            return self.published(service)
        # Inside a container only its own networks lead to "all addresses".
        return Endpoint("0.0.0.0", container_port(service))  # noqa: S104

    def inside(self, service: str) -> Endpoint:
        """Return where a service in a container reaches itself."""
        return Endpoint("127.0.0.1", container_port(service))

    def url(self, service: str) -> str:
        """Return where other services of the stack reach a service, without a slash at the end."""
        if self.containers:
            return Endpoint(service, container_port(service)).url
        return self.published(service).url

    def secret(self, name: str) -> str:
        """Return the path of a secret's file as a service sees it."""
        return f"/run/secrets/{name}" if self.containers else str(self.site.folder / "secrets" / name)

    def cpu_limit(self, wanted: float | None) -> float | None:
        """Return the limit of a container; a Docker Engine refuses one above the cores that there are."""
        return None if wanted is None or not self.containers else min(wanted, float(self.site.cpus))

    def memory_limit(self, wanted: Mib) -> Mib | None:
        """Return the limit of a container; a local process has none."""
        return wanted if self.containers else None

    @property
    def health_timing(self) -> HealthTiming:
        """How the engine asks containers: an old one asks for the first time only after a whole interval."""
        api = self.site.docker_api
        return HealthTiming() if api is None or api >= _DOCKER_25 else HealthTiming(interval=2.0, start_interval=None)

    @property
    def user(self) -> str | None:
        """The user of a container that reads the project's files, which are their owner's alone."""
        return "{}:{}".format(*self.site.owner) if self.containers else None


def container_port(service: str) -> Port:
    """Return the port that a service has inside its container."""
    return _INFERENCE_PORT if service.startswith(INFERENCE) else DEFAULT_PORTS[service]
