"""A closer look at the containers of a project."""

from __future__ import annotations

import shlex
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from aisuite.adapters.docker_client import connect
from aisuite.adapters.docker_engine import exec_session
from aisuite.adapters.docker_engine.faults import translated
from aisuite.adapters.docker_engine.labels import ONE_OFF, SERVICE
from aisuite.adapters.docker_engine.observation import exit_code, observe_container
from aisuite.adapters.docker_engine.reading import SdkReader, project_filter
from aisuite.errors import NotRunning
from aisuite.ports.insight import EngineEvent, Listed, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from aisuite.ports.insight import Streams

_PS = "-o pid,user,pcpu,rss,etimes,args"
_COLUMNS = 6
_KIB = 1024
_NANO = 10**9
# Not what people do by looking, nor `exec_*`: health checks are commands in the container, every few seconds.
_TOLD = frozenset({"create", "start", "restart", "stop", "die", "kill", "oom", "pause", "unpause", "destroy"})
_HEALTH = "health_status"


class DockerInsight:
    """Looks into one project; `client` returns the SDK's low-level client, and is called at first use."""

    def __init__(self, folder: Path, project: str, client: Callable[[], Any] = connect) -> None:
        self._labels = project_filter(project, folder.absolute())
        self._connect = client
        self._client: Any = None

    def list(self) -> tuple[Listed, ...]:
        """Return all services with a container."""
        with translated("the project"):
            reader = SdkReader(self._api())
            there = reader.containers([*self._labels, f"{ONE_OFF}=False"])
            found = [container for one in there if (container := reader.inspect(one["Id"])) is not None]
        return tuple(sorted(map(listed, found), key=lambda one: one.service))

    def tasks(self, service: str) -> tuple[Task, ...]:
        """Return the processes of a service's container, oldest first."""
        from docker.errors import APIError

        with translated(service):
            identity = self._find(service)
            if identity is None:
                return ()
            try:
                answer = self._api().top(identity, ps_args=_PS)
            except APIError as err:
                if err.status_code == 409:  # it does not run
                    return ()
                raise
        return tasks_of(answer["Processes"] or ())

    def events(self, since: float, *, follow: bool) -> Iterator[EngineEvent]:
        """Yield what the engine has noted since then, of its last few hundred events."""
        filters = {"type": "container", "label": self._labels}
        until = None if follow else f"{time.time():.6f}"
        with translated("the project"):
            stream = self._api().events(since=f"{since:.6f}", until=until, filters=filters, decode=True)
            with closing(stream._response), closing(stream):
                yield from filter(None, map(event_of, stream))

    def run(self, service: str, command: Sequence[str], streams: Streams) -> int:
        """Run a command in a service's container. Raises NotRunning."""
        with translated(service):
            identity = self._find(service)
            if identity is None:
                raise NotRunning(f"{service} is not running", "aisuite status")
            return exec_session.run(self._api(), identity, command, streams)

    def _find(self, service: str) -> str | None:
        wanted = [*self._labels, f"{SERVICE}={service}", f"{ONE_OFF}=False"]
        found = self._api().containers(filters={"label": wanted})
        return found[0]["Id"] if found else None

    def _api(self) -> Any:
        if self._client is None:
            self._client = self._connect()
        return self._client


def listed(container: Mapping[str, Any]) -> Listed:
    """Return one line of a list from the engine's description of a container."""
    found = observe_container(container)
    return Listed(
        service=found.name,
        name=container["Name"].removeprefix("/"),
        state=found.state,
        health=found.engine_health,
        image=container["Config"]["Image"],
        command=shlex.join([container["Path"], *container["Args"]]),
        started_at=found.started_at,
        exit_code=found.exit_code,
        ports=_ports(container["NetworkSettings"]["Ports"] or {}),
    )


def _ports(published: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        sorted(
            f"{one['HostIp']}:{one['HostPort']}->{inside.removesuffix('/tcp')}"
            for inside, bindings in published.items()
            for one in bindings or ()
        )
    )


def tasks_of(rows: Sequence[Sequence[str]]) -> tuple[Task, ...]:
    """Return the processes that lines of `ps` tell of, oldest first."""
    tasks = []
    for row in rows:
        pid, user, cpu, kib, seconds, command = *row[: _COLUMNS - 1], " ".join(row[_COLUMNS - 1 :])
        tasks.append(Task(int(pid), user, float(cpu), int(kib) * _KIB, float(seconds), command))
    return tuple(sorted(tasks, key=lambda one: -one.seconds))


def event_of(event: Mapping[str, Any]) -> EngineEvent | None:
    """Return what an event of the engine says about a service; None when it says nothing of interest."""
    action, _, detail = str(event["Action"]).partition(": ")
    attributes = event["Actor"]["Attributes"]
    if action not in {*_TOLD, _HEALTH} or SERVICE not in attributes:
        return None
    if action == "die":
        detail = f"exit code {exit_code(int(attributes['exitCode']))}"
    elif action == "kill":
        detail = f"signal {attributes.get('signal', '?')}"
    return EngineEvent(event["timeNano"] / _NANO, attributes[SERVICE], action, detail)
