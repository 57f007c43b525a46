"""`aisuite eject`: a folder that runs with Docker Compose alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aisuite.bundle import kept_state
from aisuite.errors import StateUnwritable, UsageError
from aisuite.ops.model_files import is_here
from aisuite.ops.render import data_folders
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from pathlib import Path

    from aisuite.ports import Deps
    from aisuite.stack.model import Mount, Service, Stack

_MARKER = ".ejected"
_README = """\
aisuite made this folder from its profile {profile}, phase {phase}. It runs with Docker Compose (2.20 or newer) alone.

  start    docker compose up --detach --wait
  look     docker compose ps
  stop     docker compose down              with --volumes, what the vector store holds goes, too

The gateway speaks the OpenAI API at {gateway}/v1. Its key lies in secrets/gateway_key; a first request:

  curl -s {gateway}/v1/models -H @secrets/gateway_key.header

compose.yaml     every container, network and volume
litellm.yaml     which model server answers for which model name
model_servers.py how the gateway tells a model server that hangs from one that computes
start_gateway.py what runs the gateway: a worker of it that is killed is replaced within a second or two
.env             the settings that this was made from, to read: a change here changes nothing
secrets/         keys: gateway_key for your clients, service_key between the services
{models}

Images, from their registries unless Docker has them:
{images}

The containers read this folder as the user {user}; after giving it to somebody else, change `user:` in compose.yaml.
"""


@dataclass(frozen=True, slots=True)
class EjectReport:
    """The folder and its files; `changed` were written now, `missing` are model files still to be fetched."""

    folder: str
    files: tuple[str, ...]
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    exit_code: int = 0


def eject(stack: Stack, deps: Deps) -> EjectReport:
    """Write everything that the stack needs to run into its folder; keys of an earlier eject stay.

    The stack is one for containers. Raises UsageError for a folder that holds anything else.
    """
    folder = deps.workdir
    _refuse_what_is_not_ours(folder.folder, known=folder.read(_MARKER) is not None)
    files = deps.renderer.render(_movable(stack))
    del files[kept_state.FILE]  # it serves aisuite backup, and names places of this machine
    files["README.txt"] = _readme(stack)
    files.update(data_folders(stack))
    # The marker first: an eject that was interrupted can be repeated.
    folder.write({_MARKER: "Written by aisuite eject, which may overwrite this folder.\n"})
    changed = folder.write(files)
    for secret in stack.secrets:
        folder.ensure_secret(secret)
    for preparer in deps.preparers.values():
        if not preparer.done():
            preparer.run(lambda *_: None)
    missing = tuple(str(one.path) for one in stack.models if one.demo_sentence is None and not is_here(one.path))
    return EjectReport(str(folder.folder), tuple(sorted(files)), changed, missing)


def _refuse_what_is_not_ours(folder: Path, *, known: bool) -> None:
    hint = "take a new folder, for example: aisuite eject ./suite"
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; a folder should be there", hint)
    try:
        if folder.exists() and not known and any(folder.iterdir()):
            raise UsageError(f"{folder} holds something else than an earlier eject", hint)
    except OSError as err:
        raise StateUnwritable(f"cannot use {folder}: {err.strerror}", f"ls -ld {folder}") from err


def _movable(stack: Stack) -> Stack:
    """Name what lies below the folder relative to it."""

    def relative(mount: Mount) -> Mount:
        lies_below = mount.source.startswith(f"{stack.folder}/")
        return replace(mount, source="./" + mount.source[len(f"{stack.folder}/") :]) if lies_below else mount

    def moved(service: Service) -> Service:
        return replace(service, mounts=tuple(relative(mount) for mount in service.mounts))

    return replace(stack, services=tuple(moved(service) for service in stack.services))


def _readme(stack: Stack) -> str:
    gateway = next(service for service in stack.services if service.role is Role.GATEWAY)
    places = dict.fromkeys(model.path.parent for model in stack.models)
    images = dict.fromkeys(service.image for service in stack.services if service.image)
    made_here = {service.image for service in stack.services if service.role in {Role.RAG, Role.EMBEDDING}}
    users = dict.fromkeys(service.user for service in stack.services if service.user)
    return _README.format(
        profile=stack.profile,
        phase=stack.phase,
        gateway=gateway.published.url,
        models="\n".join(
            "data/            the demo models" if place.is_relative_to(stack.folder) else f"{place}   the model files"
            for place in places
        ),
        images="\n".join(
            f"  {image}" + ("   made by: aisuite images build" if image in made_here else "") for image in images
        ),
        user=", ".join(users),
    )
