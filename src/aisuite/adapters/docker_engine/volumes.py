"""The named volumes in which containers keep their data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aisuite.adapters.docker_client import connect
from aisuite.adapters.docker_engine.faults import translated
from aisuite.adapters.docker_engine.labels import FOLDER, PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class DockerVolumes:
    """The volumes of one project in its folder, which Compose knows as its own, too."""

    def __init__(self, project: str, folder: Path, client: Callable[[], Any] = connect) -> None:
        self._project, self._folder = project, str(folder)
        self._connect = client

    def find(self) -> tuple[str, ...]:
        """Return their names; one without a folder's label was made by Compose. Raises EngineUnavailable."""
        with translated("the project"):
            found = self._connect().volumes(filters={"label": f"{PROJECT}={self._project}"})["Volumes"] or ()
        ours = (one for one in found if one["Labels"].get(FOLDER) in {None, self._folder})
        return tuple(sorted(one["Name"] for one in ours))

    def remove(self, name: str) -> None:
        """Remove a volume. Raises StepFailed when a container still uses it, and EngineUnavailable."""
        from docker.errors import NotFound

        with translated(f"the volume {name}"):
            try:
                self._connect().remove_volume(name)
            except NotFound:
                return
