"""Who publishes which port: the engine knows the container, the machine only the engine's own proxy. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aisuite.adapters.docker_engine.labels import PROJECT, WORKING_DIR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def port_holders(containers: Iterable[Mapping[str, Any]], project: str, folder: Path) -> dict[int, str]:
    """Return {port: "the container NAME"} of all containers but the project's, from the engine's list of them."""
    return {
        port["PublicPort"]: _describe(one)
        for one in containers
        if (one["Labels"].get(PROJECT), one["Labels"].get(WORKING_DIR)) != (project, str(folder))
        for port in one["Ports"] or ()
        if "PublicPort" in port
    }


def _describe(container: Mapping[str, Any]) -> str:
    name, project = container["Names"][0].removeprefix("/"), container["Labels"].get(PROJECT)
    return f"the container {name}" + (f" of the project {project}" if project else "")
