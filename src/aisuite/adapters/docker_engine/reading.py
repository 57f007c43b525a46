"""A look at what the engine has of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from aisuite.adapters.docker_engine.labels import FOLDER, ONE_OFF, PROJECT, WORKING_DIR
from aisuite.adapters.docker_engine.observation import observe_container
from aisuite.plan.observed import Observed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Reader(Protocol):
    """The three questions of a look."""

    def containers(self, labels: list[str]) -> list[dict[str, Any]]:
        """Return all containers, running or not, with these labels."""

    def networks(self, labels: list[str]) -> list[dict[str, Any]]:
        """Return all networks with these labels."""

    def inspect(self, identity: str) -> dict[str, Any] | None:
        """Return all about one container, None when it is not there any more."""


class SdkReader:
    """Asks through the SDK, wherever the engine is."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def containers(self, labels: list[str]) -> list[dict[str, Any]]:
        """Return all containers, running or not, with these labels."""
        found: list[dict[str, Any]] = self._client.containers(all=True, filters={"label": labels})
        return found

    def networks(self, labels: list[str]) -> list[dict[str, Any]]:
        """Return all networks with these labels."""
        found: list[dict[str, Any]] = self._client.networks(filters={"label": labels})
        return found

    def inspect(self, identity: str) -> dict[str, Any] | None:
        """Return all about one container, None when it is not there any more."""
        from docker.errors import NotFound

        try:
            found: dict[str, Any] = self._client.inspect_container(identity)
        except NotFound:
            return None
        return found


def look(reader: Reader, project: str, folder: Path) -> Observed:
    """Return one snapshot: one question for all containers, one for each."""
    # Those of `docker compose run` are not services.
    there = reader.containers([*project_filter(project, folder), f"{ONE_OFF}=False"])
    found = (reader.inspect(one["Id"]) for one in there)
    services = (observe_container(one) for one in found if one is not None)
    networks = own_networks(reader.networks([f"{PROJECT}={project}"]), folder)
    return Observed(engine_up=bool(networks), services=tuple(sorted(services, key=lambda one: one.name)))


def project_filter(project: str, folder: Path) -> list[str]:
    """Return the labels of a project's containers: not its name alone, for another folder may use the same one."""
    return [f"{PROJECT}={project}", f"{WORKING_DIR}={folder}"]


def own_networks(networks: list[dict[str, Any]], folder: Path) -> list[Mapping[str, Any]]:
    """Return the networks less those of a project of the same name in another folder."""
    return [one for one in networks if one["Labels"].get(FOLDER) in {None, str(folder)}]
