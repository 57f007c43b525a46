"""The subset of Compose that we write, strictly: what is not in it cannot be rendered, nor read.

https://github.com/compose-spec/compose-spec/blob/main/spec.md
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

# The C parser is ten times as fast, and there in every wheel of PyYAML.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTERPOLATION = re.compile(r"\$(?P<escaped>\$)?")

Words = Annotated[tuple[str, ...], Strict(False)]  # YAML has lists only
Duration = Annotated[str, Field(pattern=r"^\d+(\.\d+)?s$")]


class Part(BaseModel):
    """A piece of the file; an unknown key is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DependsOn(Part):
    """One edge of `depends_on`."""

    condition: Literal["service_healthy"]
    required: bool


class Healthcheck(Part):
    """How the container engine asks a service; Compose refuses a `start_interval` on engines before 25."""

    test: Words
    interval: Duration
    timeout: Duration
    retries: int
    start_period: Duration
    start_interval: Duration | None = None


class Limits(Part):
    """The most that a container may take."""

    cpus: Annotated[str, Field(pattern=r"^\d+(\.\d+)?$")] | None = None
    memory: Annotated[str, Field(pattern=r"^\d+m$")] | None = None
    pids: int | None = None


class Device(Part):
    """A request for cards."""

    driver: Literal["nvidia", "cdi"]
    device_ids: Words
    capabilities: Words


class Reservations(Part):
    """What a container cannot be without."""

    devices: Annotated[tuple[Device, ...], Strict(False)]


class Resources(Part):
    """`deploy.resources`."""

    limits: Limits | None = None
    reservations: Reservations | None = None


class Deploy(Part):
    """`deploy`."""

    resources: Resources


class BindOptions(Part):
    """A source that is not there is an error: Docker would make a folder that belongs to root."""

    create_host_path: Literal[False]


class Volume(Part):
    """A bind mount or a named volume."""

    type: Literal["bind", "volume"]
    source: str
    target: str
    read_only: bool
    bind: BindOptions | None = None


class Logging(Part):
    """Where the output goes, with rotation."""

    driver: Literal["json-file"]
    options: dict[str, str]


class ComposeService(Part):
    """One container. What makes it harmless is no choice: it is part of the type."""

    image: str
    user: str | None = None
    entrypoint: Words | None = None
    command: Words
    environment: dict[str, str] = {}
    secrets: Words
    ports: Words
    networks: Words
    depends_on: dict[str, DependsOn] = {}
    healthcheck: Healthcheck
    deploy: Deploy | None = None
    volumes: Annotated[tuple[Volume, ...], Strict(False)] = ()
    init: Literal[True]
    read_only: Literal[True]
    tmpfs: Words
    cap_drop: Annotated[tuple[Literal["ALL"]], Strict(False)]
    cap_add: Words = ()
    security_opt: Annotated[tuple[Literal["no-new-privileges:true"]], Strict(False)]
    pids_limit: int
    restart: Literal["unless-stopped"]
    logging: Logging


class Network(Part):
    """A network of the project."""

    internal: bool = False
    driver_opts: dict[str, str] = {}


class Secret(Part):
    """A secret that is a file of the project."""

    file: str


class NamedVolume(Part):
    """A volume with the engine's defaults."""


class ComposeFile(Part):
    """The whole file."""

    name: str
    services: dict[str, ComposeService]
    networks: dict[str, Network]
    secrets: dict[str, Secret]
    volumes: dict[str, NamedVolume] = {}


def parse_compose(text: str) -> ComposeFile:
    """Read a Compose file of ours; `$$` becomes `$`.

    Raises ValueError for what is not in the subset, and for a `$` that Compose would interpolate.
    """
    try:
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506  a safe loader, see above
    except yaml.YAMLError as err:
        raise ValueError(f"not YAML: {err}") from err
    try:
        return ComposeFile.model_validate(_literal(document))
    except ValidationError as err:
        problems = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in err.errors())
        raise ValueError("; ".join(problems)) from err


def _literal(node: Any) -> Any:
    """Return the document as Compose sees it after interpolation, which must find nothing."""
    if isinstance(node, dict):
        return {key: _literal(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_literal(item) for item in node]
    return _INTERPOLATION.sub(_dollar, node) if isinstance(node, str) else node


def _dollar(found: re.Match[str]) -> str:
    if found["escaped"] is None:
        raise ValueError(f"{found.string!r} holds a $ that Compose would replace; write $$")
    return "$"
