"""The labels by which Compose, and we, know what belongs to a project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aisuite import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.adapters.docker_engine.container_config import Place
    from aisuite.stack.compose import DependsOn

COMPOSE_FILE = "compose.yaml"
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
WORKING_DIR = "com.docker.compose.project.working_dir"
ONE_OFF = "com.docker.compose.oneoff"
NETWORK = "com.docker.compose.network"
VOLUME = "com.docker.compose.volume"
FINGERPRINT = "aisuite.fingerprint"
FOLDER = "aisuite.folder"  # on networks and volumes: Compose does not note there whose they are
# Without any hash Compose does not see a container; with a wrong one its next `up` makes it anew.
NO_HASH = "unknown"


def project_labels(project: str) -> dict[str, str]:
    """Return what every object of a project carries."""
    return {PROJECT: project, "com.docker.compose.version": __version__}


def network_labels(place: Place, network: str) -> dict[str, str]:
    """Return the labels of a network; without them Compose refuses to use it."""
    return {**project_labels(place.project), NETWORK: network, FOLDER: str(place.folder)}


def volume_labels(place: Place, volume: str) -> dict[str, str]:
    """Return the labels of a named volume."""
    return {**project_labels(place.project), VOLUME: volume, FOLDER: str(place.folder)}


def container_labels(place: Place, service: str, depends_on: Mapping[str, DependsOn]) -> dict[str, str]:
    """Return the labels of a service's only container that say where it belongs."""
    needs = (f"{name}:{need.condition}:false" for name, need in depends_on.items())
    return {
        **project_labels(place.project),
        SERVICE: service,
        WORKING_DIR: str(place.folder),
        ONE_OFF: "False",
        "com.docker.compose.container-number": "1",
        "com.docker.compose.depends_on": ",".join(needs),
        "com.docker.compose.project.config_files": str(place.folder / COMPOSE_FILE),
    }


def made_labels(image_id: str, config_hash: str, fingerprint: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that tell what a container was made from."""
    return {
        "com.docker.compose.image": image_id,
        "com.docker.compose.config-hash": config_hash,
        FINGERPRINT: json.dumps(dict(fingerprint), ensure_ascii=True),
    }


def read_fingerprint(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the fingerprint that a container was started with; empty when we did not start it."""
    try:
        found = json.loads(labels.get(FINGERPRINT, "{}"))
    except ValueError:
        return {}
    return {str(part): str(value) for part, value in found.items()} if isinstance(found, dict) else {}
