"""`state.json` of a project folder: what its services keep, rendered with them.

Backup and restore read it instead of a profile: it is there when the stack is stopped and when the profile is gone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisuite.bundle.model import KeptState
from aisuite.stack.model import BackupPolicy, State
from aisuite.units import Span

if TYPE_CHECKING:
    from aisuite.stack.model import EngineName, Service, Stack

FILE = "state.json"
_SCHEMA = "aisuite.state/1"


@dataclass(frozen=True, slots=True)
class UsedModel:
    """A model file that the stack needs, by reference."""

    path: str
    sha256: str | None  # as the profile says; None: it says nothing


@dataclass(frozen=True, slots=True)
class UsedImage:
    """The image of a service, and the digest that a lock gave it."""

    service: str
    image: str
    digest: str | None


@dataclass(frozen=True, slots=True)
class ProjectState:
    """What a project keeps, and what it was rendered from."""

    project: str
    engine: EngineName
    profile: str
    phase: int
    services: tuple[KeptState, ...]  # those that declare state, in start order
    models: tuple[UsedModel, ...]
    images: tuple[UsedImage, ...]
    backup: BackupPolicy = field(default_factory=BackupPolicy)
    secrets: tuple[str, ...] = ()  # names of all that its services use, also of those that declare nothing


def describe_state(stack: Stack) -> str:
    """Return the text of `state.json`."""
    state = ProjectState(
        project=stack.project,
        engine=stack.engine,
        profile=stack.profile,
        phase=stack.phase,
        services=tuple(_kept(service) for service in stack.services if service.state != State()),
        models=tuple(UsedModel(str(model.path), model.sha256) for model in stack.models),
        images=tuple(
            UsedImage(one.name, one.image, one.image_digest) for one in stack.services if one.image is not None
        ),
        backup=stack.backup,
        secrets=stack.secrets,
    )
    return json.dumps({"schema": _SCHEMA, **asdict(state)}, indent=2) + "\n"


def _kept(service: Service) -> KeptState:
    state, url = service.state, service.published.url
    return KeptState(
        service=service.name,
        databases=state.databases,
        folders=state.folders,
        vectors=url if state.vectors else None,
        maintenance=url + state.maintenance_path if state.maintenance_path else None,
        reconcile=url + state.reconcile_path if state.reconcile_path else None,
    )


def parse_state(text: str) -> ProjectState:
    """Read `state.json` back. Raises ValueError for anything else."""
    try:
        found = json.loads(text)
        if found.pop("schema") != _SCHEMA:
            raise ValueError(f"it is not {_SCHEMA}")
        return ProjectState(
            project=_text(found["project"]),
            engine=found["engine"],
            profile=_text(found["profile"]),
            phase=int(found["phase"]),
            services=tuple(_service(one) for one in found["services"]),
            models=tuple(UsedModel(_text(one["path"]), _maybe(one["sha256"])) for one in found["models"]),
            images=tuple(_image(one) for one in found["images"]),
            backup=_policy(found.get("backup", {})),  # an earlier aisuite wrote none
            secrets=_secrets(found),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as err:
        raise ValueError(f"it lacks something: {err}") from err


def _service(found: dict[str, Any]) -> KeptState:
    return KeptState(
        service=_text(found["service"]),
        databases=tuple(_place(one) for one in found["databases"]),
        folders=tuple(_place(one) for one in found["folders"]),
        vectors=_maybe(found["vectors"]),
        maintenance=_maybe(found["maintenance"]),
        reconcile=_maybe(found["reconcile"]),
    )


def _secrets(found: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the secrets; an earlier aisuite wrote them down with each service."""
    names = found["secrets"] if "secrets" in found else {name for one in found["services"] for name in one["secrets"]}
    return tuple(sorted(_text(one) for one in names))


def _image(found: dict[str, Any]) -> UsedImage:
    return UsedImage(_text(found["service"]), _text(found["image"]), _maybe(found["digest"]))


def _policy(found: dict[str, Any]) -> BackupPolicy:
    policy = BackupPolicy(**found)
    counts = (policy.keep_last, policy.keep_daily, policy.keep_weekly, policy.keep_monthly)
    if policy.engine not in {"dir", "restic"} or not all(type(one) is int and one >= 0 for one in counts):
        raise ValueError(f"its rules for backups are none: {found!r}")
    Span.parse(policy.keep_within or "0h")
    return policy if policy.folder is None else replace(policy, folder=_place(policy.folder))


def _place(value: object) -> str:
    if not isinstance(value, str) or not Path(value).is_absolute():
        raise ValueError(f"{value!r} is not an absolute path")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _maybe(value: object) -> str | None:
    return None if value is None else _text(value)
