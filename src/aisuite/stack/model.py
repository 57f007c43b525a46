"""The stack: what a profile becomes on one engine. Every port, address, flag, file and share is final.

Nothing downstream looks back at the profile, at flags or at the environment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aisuite.units import Mib, Port, Seconds

EngineName = Literal["process", "docker"]


class Role(StrEnum):
    """What a service does; several services may share a role."""

    INFERENCE = "inference"
    GATEWAY = "gateway"
    RAG = "rag"
    EMBEDDING = "embedding"
    VECTORDB = "vectordb"


@dataclass(frozen=True, slots=True)
class Site:
    """Facts about the place where a stack shall run; `resolve` needs them to make everything final.

    `llama_server`, `gateway` and `python` are the first words of a command line (process engine only; a container
    image has its own entry point). All paths are absolute.
    """

    engine: EngineName
    project: str
    folder: Path  # .aisuite/<project>
    working_dir: Path
    cpus: int
    llama_server: tuple[str, ...] = ("llama-server",)
    llama_build: int | None = None  # b-number of its llama.cpp; None: not known
    gateway: tuple[str, ...] = ("python3", "-I")  # the interpreter that LiteLLM is installed for
    python: tuple[str, ...] = ("python",)
    owner: tuple[int, int] = (1000, 1000)  # uid and gid of who owns the folder: containers must read what lies there
    docker_api: tuple[int, int] | None = None  # what the Docker Engine speaks; None: not asked, taken for the newest
    cdi_devices: frozenset[str] = frozenset()  # what the Docker Engine has been told of
    digests: Mapping[str, str] = field(default_factory=dict)  # image -> digest, of those that are locked


# An address that means "all of mine" cannot be called; the same machine answers on loopback.
_CALLED_AS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where something listens."""

    host: str
    port: Port

    @property
    def authority(self) -> str:
        """The address as it is bound: host:port, IPv6 in brackets."""
        return _authority(self.host, self.port)

    @property
    def url(self) -> str:
        """The base URL as a client on the same machine writes it, without a slash at the end."""
        return f"http://{_authority(_CALLED_AS.get(self.host, self.host), self.port)}"


def _authority(host: str, port: Port) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class SecretUse:
    """A secret of the project as one service gets it.

    `variable` holds the value when `as_file` is false, else the path of the file that holds it; None when the
    command line itself names the file.
    """

    secret: str  # file name below <folder>/secrets
    variable: str | None
    as_file: bool


@dataclass(frozen=True, slots=True)
class Dependency:
    """A service to wait for. Of the dependencies that are not `required`, at least one must become ready."""

    service: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of the host inside a container."""

    source: str  # absolute, or "./..." below the project folder; for a volume its name
    target: str
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class HealthTiming:
    """How a container engine asks a service, in seconds. `start_interval` None: the engine knows no such thing."""

    interval: float = 5.0
    timeout: float = 10.0  # longer than a health command waits itself
    retries: int = 3
    start_interval: float | None = 1.0  # until the first good answer


@dataclass(frozen=True, slots=True)
class Card:
    """How a container asks its engine for a card: NVIDIA's runtime knows numbers, CDI knows names."""

    driver: Literal["nvidia", "cdi"] = "nvidia"
    id: str = "0"

    @property
    def index(self) -> int:
        """The number of the card, as nvidia-smi counts."""
        return int(self.id.rpartition("=")[2])


@dataclass(frozen=True, slots=True)
class State:
    """What a service keeps that cannot be made again. Backup and restore know a service by nothing else.

    Its secrets are those that it uses. The paths are of this machine, whichever engine runs the service.
    """

    databases: tuple[str, ...] = ()  # SQLite files, absolute; one that is not there yet is fine
    folders: tuple[str, ...] = ()  # folders of plain files, absolute
    vectors: bool = False  # it is a store with Qdrant's REST API: every collection and alias
    maintenance_path: str | None = None  # POST {"hold": true, "seconds": n} there makes its writers wait
    reconcile_path: str | None = None  # POST there after a restore makes what is derived follow what is kept


@dataclass(frozen=True, slots=True)
class Service:
    """One process or container, complete."""

    name: str
    role: Role
    command: tuple[str, ...]  # process: the whole argv; docker: what follows the image's entry point
    environment: tuple[tuple[str, str], ...]  # sorted by name; no secrets
    secrets: tuple[SecretUse, ...]
    config_files: tuple[str, ...]  # rendered files it reads, relative to the project folder
    listen: Endpoint  # as the service binds it (inside the container)
    published: Endpoint  # as this machine reaches it
    depends_on: tuple[Dependency, ...]
    live_path: str
    ready_path: str
    deadline: Seconds
    image: str | None = None  # as the profile names it
    image_digest: str | None = None  # what a lock says that its tag stands for
    entrypoint: tuple[str, ...] | None = None
    mounts: tuple[Mount, ...] = ()
    volumes: tuple[Mount, ...] = ()  # source is a named volume
    cpus: float | None = None
    memory: Mib | None = None
    gpu: bool = False
    card: Card = Card()  # which one, where a container needs one
    user: str | None = None  # uid:gid inside the container; None: the image's own
    capabilities: tuple[str, ...] = ()  # what a container keeps of root's powers
    healthcheck: tuple[str, ...] = ()  # command that tells the container engine whether the service is well
    health_timing: HealthTiming = HealthTiming()
    data: str | None = None  # folder of this machine that it keeps state in; made before it starts
    state: State = State()

    @property
    def exact_image(self) -> str | None:
        """The image with its digest, where that is known."""
        return self.image if self.image_digest is None else f"{self.image}@{self.image_digest}"

    @property
    def live_url(self) -> str:
        """What to GET to learn whether it hangs: any answer says that it does not."""
        return self.published.url + self.live_path

    @property
    def ready_url(self) -> str:
        """What to GET to learn whether it is ready; answers 200 without a key."""
        return self.published.url + self.ready_path


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A GGUF file that a service needs on this machine before it can start."""

    model: str
    service: str
    path: Path
    repo: str | None
    file: str
    revision: str
    sha256: str | None
    demo_sentence: str | None  # not None: written here at first use


@dataclass(frozen=True, slots=True)
class Target:
    """One server behind a route."""

    service: str
    model: str  # the name that the server itself goes by
    url: str  # OpenAI base URL, with /v1
    order: int  # 1 is tried first


@dataclass(frozen=True, slots=True)
class Route:
    """A public model name and the servers that answer for it, in order."""

    name: str
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class GatewayPolicy:
    """How the gateway waits, retries and heals. Times in seconds."""

    request_timeout: float
    stream_timeout: float
    attempts: int
    timeout_attempts: int  # `attempts` after a time-out; each server of a route has its own
    cooldown: float
    health_interval: int  # whole: LiteLLM starts no probes for 2.5
    health_timeout: float
    health_staleness: int  # when the result of a background probe is too old to count


@dataclass(frozen=True, slots=True)
class BackupPolicy:
    """Where backups go, and which stay when one is made; 0 and None: not by that rule."""

    folder: str | None = None  # absolute; None: backups/ in the project's folder
    engine: Literal["dir", "restic"] = "dir"
    keep_last: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0
    keep_within: str | None = None  # a Span


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything that `render`, `plan` and an engine need; services in start order."""

    project: str
    engine: EngineName
    profile: str
    phase: int
    folder: Path
    data: Path
    gpu_device: int | None
    services: tuple[Service, ...]
    routes: tuple[Route, ...]
    policy: GatewayPolicy
    models: tuple[ModelFile, ...]
    variables: tuple[tuple[str, str], ...]  # what .env holds: effective settings by their documented names, no secrets
    restart_when_hung: bool = False  # local processes; a container's health check knows by itself
    backup: BackupPolicy = BackupPolicy()
    service_base: str = "python:3.13-slim"  # what the image of our own services is made on
    notes: tuple[str, ...] = ()  # what this phase promises and this version does not have

    def service(self, name: str) -> Service:
        """Return the service of that name. Raises KeyError."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of all secrets that the services use, sorted."""
        return tuple(sorted({use.secret for service in self.services for use in service.secrets}))

    @property
    def demo(self) -> bool:
        """Whether its models are the tiny ones made here."""
        return any(model.demo_sentence is not None for model in self.models)
