"""The Docker engine: a project's services as containers that Compose, too, knows as its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

from aisuite.adapters.docker_client import api_version, connect, engine_address
from aisuite.adapters.docker_engine import container_logs, signals
from aisuite.adapters.docker_engine.config_hash import ConfigHashes
from aisuite.adapters.docker_engine.container_config import Place, container_config, later_networks
from aisuite.adapters.docker_engine.data_folders import make_data_folders
from aisuite.adapters.docker_engine.events import read_findings
from aisuite.adapters.docker_engine.faults import translated
from aisuite.adapters.docker_engine.kept_logs import KEPT_LINES, keep, read_kept
from aisuite.adapters.docker_engine.labels import (
    COMPOSE_FILE,
    ONE_OFF,
    SERVICE,
    container_labels,
    made_labels,
)
from aisuite.adapters.docker_engine.local_socket import LocalReader, find_local_socket
from aisuite.adapters.docker_engine.needed_images import check_images
from aisuite.adapters.docker_engine.port_holders import port_holders
from aisuite.adapters.docker_engine.project_parts import (
    ensure_networks,
    ensure_volumes,
    remove_networks,
)
from aisuite.adapters.docker_engine.reading import SdkReader, look, project_filter
from aisuite.adapters.docker_engine.whereabouts import check_whereabouts
from aisuite.errors import EngineUnavailable, NotRunning, StepFailed
from aisuite.plan.observed import Findings
from aisuite.stack.compose import parse_compose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from aisuite.plan.observed import Observed
    from aisuite.stack.compose import ComposeFile
    from aisuite.stack.model import EngineName, Service, Stack

_GRACE = 10  # seconds between SIGTERM and SIGKILL
_AT_ONCE = 8
_PROJECT = "the project"


class DockerEngine:
    """Runs the services of one project folder as containers, from its rendered Compose file.

    `client` returns the Docker SDK's low-level client; it is called at first use, once.
    """

    def __init__(self, folder: Path, project: str, client: Callable[[], Any] = connect, grace: int = _GRACE) -> None:
        self._folder = folder.absolute()
        self._project = project
        self._connect = client
        self._grace = grace
        self._lock = threading.Lock()
        self._client: Any = None
        self._described: tuple[str, ComposeFile, ConfigHashes] | None = None

    @property
    def name(self) -> EngineName:
        """Which engine this is."""
        return "docker"

    def observe(self) -> Observed:
        """Return one snapshot of the project: no waiting, no change. Works when nothing was ever started.

        Raises EngineUnavailable: what Docker does not tell, nobody knows.
        """
        path = find_local_socket() if self._connect is connect else None
        with translated(_PROJECT):
            if path is None:
                return look(SdkReader(self._api()), self._project, self._folder)
            with closing(LocalReader(path)) as reader:
                return look(reader, self._project, self._folder)

    def open(self, stack: Stack) -> None:
        """Make the project's networks, volumes and data folders where they are missing.

        Raises EngineUnavailable, and StepFailed, also for images that are not there: nothing is made then.
        """
        compose, _ = self._description()
        with translated(_PROJECT):
            check_images(self._api(), compose)
            make_data_folders(stack)
            check_whereabouts(self._api(), engine_address(), compose, self._place())
            ensure_networks(self._api(), compose, self._place())
            ensure_volumes(self._api(), compose, self._place())

    def start(self, service: Service, fingerprint: Mapping[str, str]) -> None:
        """Make and start a service's container from the Compose file; what runs under that name is stopped first.

        Raises StepFailed, PortTaken, GpuUnavailable, DiskFull, EngineUnavailable.
        """
        self.stop(service.name)
        compose, hashes = self._description()
        if service.name not in compose.services:
            raise StepFailed(f"{self._folder / COMPOSE_FILE} has no service {service.name}", "aisuite render")
        place = self._place()
        with translated(service.name):
            image = self._api().inspect_image(compose.services[service.name].image)["Id"]
            labels = {
                **container_labels(place, service.name, compose.services[service.name].depends_on),
                **made_labels(image, hashes.of(service.name), fingerprint),
            }
            body = container_config(service.name, compose, place, labels)
            identity = self._api().create_container_from_config(body, place.container(service.name))["Id"]
            try:
                for network, aliases in later_networks(service.name, compose.services[service.name], place).items():
                    self._api().connect_container_to_network(identity, network, aliases=aliases)
                self._api().start(identity)
            except BaseException:
                self._remove(identity)
                raise

    def stop(self, name: str) -> None:
        """Stop a service and remove its container; its last log lines are kept. Fine when it is not there."""
        with translated(name):
            self._end(self._containers(f"{SERVICE}={name}"))

    def close(self) -> None:
        """Stop and remove the project's containers, then its networks. Volumes stay. Idempotent."""
        with translated(_PROJECT):
            self._end(self._containers())
            remove_networks(self._api(), self._place())

    def _end(self, containers: Sequence[Mapping[str, Any]]) -> None:
        if len(containers) == 1:
            self._end_one(containers[0])
        elif containers:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(self._end_one, containers))

    def _end_one(self, container: Mapping[str, Any]) -> None:
        from docker.errors import NotFound

        identity, service = container["Id"], container["Labels"].get(SERVICE, "")
        try:
            self._api().stop(identity, timeout=self._grace)
        except NotFound:
            return
        keep(self._kept_log(service), container_logs.read_tail(self._api(), identity, KEPT_LINES))
        self._remove(identity)

    def _remove(self, identity: str) -> None:
        from docker.errors import APIError

        try:
            # `v` takes only volumes without a name, which nobody could ever find again.
            self._api().remove_container(identity, force=True, v=True)
        except APIError as err:
            if err.status_code not in {404, 409}:  # gone, or going
                raise

    def log_tail(self, name: str, lines: int) -> tuple[str, ...]:
        """Return the last lines of a service's log, oldest first; of one that is there, since it was last started."""
        with translated(name):
            identity = self._find(name)
            if identity is None:
                return read_kept(self._kept_log(name), lines)
            return container_logs.read_tail(self._api(), identity, lines)

    def examine(self, name: str) -> Findings:
        """Return what the engine noticed about a service's container since it was made."""
        with translated(name):
            identity = self._find(name)
            return Findings() if identity is None else read_findings(self._api(), identity)

    def port_holders(self) -> Mapping[int, str]:
        """Return which containers, outside the project, publish which port of the engine's machine."""
        with translated(_PROJECT):
            return port_holders(self._api().containers(), self._project, self._folder)

    def follow(self, name: str, lines: int) -> Iterator[str]:
        """Yield the last lines, then every new one, also of its next containers, until the caller stops."""
        with translated(name):
            if self._find(name) is None:
                yield from read_kept(self._kept_log(name), lines)
            yield from container_logs.follow(self._api(), lambda: self._find(name), lines)

    def signal(self, name: str, signal_name: str) -> None:
        """Send "KILL", "STOP", "CONT" or "TERM" to the service's own process. Raises NotRunning."""
        with translated(name):
            identity = self._find(name)
            if identity is None:
                raise NotRunning(f"{name} is not running", "aisuite status")
            signals.send(self._api(), self._api().inspect_container(identity), signal_name)

    def _find(self, name: str) -> str | None:
        found = self._containers(f"{SERVICE}={name}", f"{ONE_OFF}=False")
        return found[0]["Id"] if found else None

    def _containers(self, *labels: str) -> list[Mapping[str, Any]]:
        wanted = [*project_filter(self._project, self._folder), *labels]
        found: list[Mapping[str, Any]] = self._api().containers(all=True, filters={"label": wanted})
        return found

    def _api(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _place(self) -> Place:
        return Place(self._project, self._folder, api_version(self._api()))

    def _description(self) -> tuple[ComposeFile, ConfigHashes]:
        """Return the Compose file, read again when it has changed. Raises EngineUnavailable."""
        path = self._folder / COMPOSE_FILE
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as err:
            raise EngineUnavailable(f"{path} cannot be read: {err}", "aisuite render --engine docker") from err
        with self._lock:
            if self._described is None or self._described[0] != text:
                try:
                    compose = parse_compose(text)
                except ValueError as err:
                    raise EngineUnavailable(f"{path} is not as we write it: {err}", "aisuite render") from err
                self._described = (text, compose, ConfigHashes(path, self._project))
            return self._described[1], self._described[2]

    def _kept_log(self, name: str) -> Path:
        return self._folder / "logs" / f"{name}.log"
