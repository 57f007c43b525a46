"""A project's containers as they are, read back from the engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from aisuite.adapters.docker_client import connect
from aisuite.adapters.docker_engine.described import describe, find_unsayable
from aisuite.adapters.docker_engine.faults import translated
from aisuite.adapters.docker_engine.labels import ONE_OFF, PROJECT, SERVICE
from aisuite.adapters.docker_engine.reading import project_filter
from aisuite.adapters.docker_engine.site_facts import is_rootless
from aisuite.plan.live import LiveProject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_AT_ONCE = 8


class LiveContainers:
    """Reads back the containers of one project folder."""

    def __init__(self, folder: Path, project: str, client: Callable[[], Any] = connect) -> None:
        self._folder = folder.absolute()
        self._project = project
        self._connect = client

    def read(self) -> LiveProject:
        """Return all containers of the project, also those that do not run. Raises EngineUnavailable."""
        with translated("the project"):
            client = self._connect()
            labels = [*project_filter(self._project, self._folder), f"{ONE_OFF}=False"]
            listed = client.containers(all=True, filters={"label": labels})
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                found = list(pool.map(lambda one: _with_image(client, one["Id"]), listed))
            networks = client.networks(filters={"label": f"{PROJECT}={self._project}"})
            rootless = is_rootless(client.info())
        containers = {one["Config"]["Labels"][SERVICE]: (one, image) for one, image in found if one}
        return LiveProject(
            described=describe(dict(sorted(containers.items())), networks, self._project, self._folder),
            unsayable={name: find_unsayable(one) for name, (one, _) in sorted(containers.items())},
            rootless=rootless,
        )


def _with_image(client: Any, identity: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return a container and its image as the engine describes them; nothing of what is gone meanwhile."""
    from docker.errors import NotFound

    try:
        container = client.inspect_container(identity)
    except NotFound:
        return {}, {}
    try:
        return container, client.inspect_image(container["Image"])
    except NotFound:  # it was removed, though a container still uses it
        return container, {}
