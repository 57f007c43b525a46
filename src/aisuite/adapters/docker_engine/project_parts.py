"""What a project has besides containers: its networks and volumes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from aisuite.adapters.docker_engine.labels import (
    FOLDER,
    NETWORK,
    PROJECT,
    network_labels,
    volume_labels,
)
from aisuite.adapters.docker_engine.reading import own_networks
from aisuite.errors import StepFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.adapters.docker_engine.container_config import Place
    from aisuite.stack.compose import ComposeFile, Network


def ensure_networks(client: Any, compose: ComposeFile, place: Place) -> None:
    """Make the networks that are missing. Raises StepFailed for one of that name that is not as it should be."""
    wanted = {place.owned(name): name for name in compose.networks}
    there = {one["Name"]: one for one in client.networks(names=list(wanted)) if one["Name"] in wanted}
    for full_name, name in wanted.items():
        if full_name in there:
            _check_network(client, there[full_name], compose.networks[name], name, place)
        else:
            client.create_network(
                full_name,
                driver="bridge",
                options=dict(compose.networks[name].driver_opts),
                internal=compose.networks[name].internal,
                labels=network_labels(place, name),
            )


def _check_network(client: Any, found: Mapping[str, Any], wanted: Network, name: str, place: Place) -> None:
    labels = found["Labels"] or {}
    owner = labels.get(FOLDER, str(place.folder))
    if (labels.get(PROJECT), labels.get(NETWORK)) != (place.project, name):
        raise StepFailed(f"the network {found['Name']} is not of this project", f"docker network rm {found['Name']}")
    if owner != str(place.folder):
        raise StepFailed(
            f"another folder has a project {place.project!r} in this Docker: {owner}", "aisuite up --project my-suite"
        )
    other_options = dict(found["Options"] or {}) != dict(wanted.driver_opts) and not _is_podman(client)
    if found["Internal"] != wanted.internal or other_options:
        raise StepFailed(f"the network {found['Name']} has other settings than {name} should have", "aisuite down")


def _is_podman(client: Any) -> bool:
    """Whether it is Podman that speaks Docker's API: it forgets the options that a network was made with."""
    return any(part["Name"] == "Podman Engine" for part in client.version(api_version=False).get("Components") or ())


def ensure_volumes(client: Any, compose: ComposeFile, place: Place) -> None:
    """Make the named volumes that are missing. Raises StepFailed for one that another project made."""
    there = {one["Name"]: one for one in client.volumes(filters={"name": f"{place.project}_"})["Volumes"] or ()}
    for name in compose.volumes:
        full_name = place.owned(name)
        if full_name not in there:
            client.create_volume(full_name, labels=volume_labels(place, name))
            continue
        labels = there[full_name]["Labels"] or {}
        owner, folder = labels.get(PROJECT, place.project), labels.get(FOLDER, str(place.folder))
        if owner != place.project:
            raise StepFailed(f"the volume {full_name} is of the project {owner}", "aisuite up --project my-suite")
        if folder != str(place.folder):
            raise StepFailed(
                f"the volume {full_name} is of a project {owner!r} in another folder: {folder}",
                "aisuite up --project my-suite",
            )


def remove_networks(client: Any, place: Place) -> None:
    """Remove the project's networks; one that a foreign container still uses stays when we did not make it."""
    there = own_networks(client.networks(filters={"label": f"{PROJECT}={place.project}"}), place.folder)
    if there:
        with ThreadPoolExecutor(len(there)) as pool:
            list(pool.map(lambda one: _remove_network(client, one), there))


def _remove_network(client: Any, network: Mapping[str, Any]) -> None:
    from docker.errors import APIError, NotFound

    name = network["Name"]
    try:
        client.remove_network(network["Id"])
    except NotFound:
        return
    except APIError as err:
        if FOLDER not in network["Labels"]:
            return
        raise StepFailed(
            f"the network {name} is still in use: {err.explanation}", f"docker network inspect {name}"
        ) from err
