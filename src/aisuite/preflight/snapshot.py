"""Everything that the checks look at, gathered once. What was not looked at has its quiet default."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from aisuite.stack.model import Stack

Purpose = Literal["data", "project"]  # of a folder


class Section(StrEnum):
    """A part of the snapshot that is gathered on its own, by the name of its field."""

    MACHINE = "machine"
    DOCKER = "docker"
    IMAGES = "images"
    LIVE = "live"
    GPU = "gpu"
    CARD = "card"
    PORTS = "ports"
    MODELS = "models"
    DIGESTS = "digests"  # apart: whole files must be read for them
    DISKS = "disks"
    SECRETS = "secrets"
    GIT = "git"
    PROJECT = "project"
    PROGRAMS = "programs"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine as its kernel describes it. Sizes in bytes, times in seconds since the epoch."""

    kernel: str = ""
    wsl: Literal[0, 1, 2] = 0  # 0: no Windows around it
    memory: int | None = None
    free_memory: int | None = None
    cpus: int = 1
    now: float = 0.0
    clock_kept: bool | None = None  # by a time service; None: nobody says it
    sqlite: str = ""


@dataclass(frozen=True, slots=True)
class Docker:
    """The container engine. Nothing of it is asked for local processes."""

    fault: str = ""  # why it cannot be used
    fix: str | None = None
    version: str = ""
    compose: str | None = None  # version of Compose; None: the command is not there
    root: str = ""
    root_free: int | None = None  # None: its disk is not this machine's
    lacks: tuple[str, ...] = ()  # limits that its kernel does not know: "memory", "cpus", "processes"
    cpus: int = 0
    memory: int = 0
    runtimes: frozenset[str] = frozenset()
    cdi_devices: frozenset[str] = frozenset()
    ahead: float | None = None  # seconds by which its clock is ahead of ours


@dataclass(frozen=True, slots=True)
class Image:
    """One image that the stack needs."""

    reference: str
    services: tuple[str, ...]
    built: bool
    present: bool
    locked: bool = False  # the lock beside the profile has its digest
    differs: bool = False  # and another one than what is here
    cuda: str | None = None  # the oldest CUDA that it runs with, as it says itself
    afar: str | None = None  # why its registry does not give it; "": it does; None: not asked


@dataclass(frozen=True, slots=True)
class Gpu:
    """The cards, and what stands between them and the stack."""

    cards: tuple[tuple[int, str], ...] = ()  # (index, name)
    driver: str = ""
    cuda: str | None = None  # the newest CUDA that the driver runs
    fault: str = ""  # why there is none, or none that answers
    # Why no memory could be had of each card that the stack uses and that is here; "": it could.
    allocated: tuple[tuple[int, str], ...] = ()
    cpu_only: str | None = None  # why the llama.cpp of this machine cannot use a card
    elsewhere: str = ""  # the other machine whose cards they are, which nobody here can look at


@dataclass(frozen=True, slots=True)
class Card:
    """What the planner says. `verdict` is "fits", "tight" or "no"; empty: there is no plan."""

    verdict: str = ""
    summary: str = ""
    reasons: tuple[str, ...] = ()
    remedy: str | None = None
    in_ram: tuple[tuple[str, int], ...] = ()  # (model, bytes) that its server takes beside the card
    fault: str = ""  # why it cannot be planned
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class PortUse:
    """A port that a service publishes."""

    service: str
    host: str
    port: int
    holder: str | None = None  # None: it is free
    ours: bool = False  # the holder is the service itself


@dataclass(frozen=True, slots=True)
class Model:
    """A model file of the profile."""

    model: str
    path: Path
    repo: str | None = None
    made_here: bool = False
    bytes: int | None = None  # of all parts that are here; None: there is none
    missing: tuple[str, ...] = ()  # parts
    header: str = ""  # what is wrong with its header
    afar: str | None = None  # why the hub does not give it; "": it does; None: not asked


@dataclass(frozen=True, slots=True)
class Digest:
    """The sha256 of a model file, and the one that the profile names."""

    path: Path
    found: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Disk:
    """A folder that will be written, and its file system."""

    purpose: Purpose
    path: Path
    free: int
    kind: str = ""  # as the kernel calls it: ext4, 9p, nfs4
    fault: str = ""  # why it cannot be written


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file that holds secrets; of its content only what is wrong with it."""

    path: Path
    open_to_others: bool = False
    weak: str = ""  # "it is a default", say


@dataclass(frozen=True, slots=True)
class Git:
    """The working directory as git sees it."""

    branch: str = ""
    changed: int = 0
    tracked_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """What earlier runs have left."""

    runs_on: str | None = None  # engine of the stack that is up
    orphaned: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()  # services that run although nothing was brought up
    drill: bool = False  # a drill has broken something and did not repair it
    half_written: tuple[Path, ...] = ()
    old_environments: tuple[Path, ...] = ()
    fault: str = ""  # why nobody can say


@dataclass(frozen=True, slots=True)
class Programs:
    """What local processes are made of."""

    llama: str = ""  # version of llama-server
    llama_fault: str = ""
    llama_fix: str | None = None
    gateway_made: bool = False
    uv_fault: str = ""  # why it cannot be made
    litellm: str | None = None  # the version that will run; None: nobody can tell


@dataclass(frozen=True, slots=True)
class Web:
    """What the network says, where it was asked."""

    asked: bool = False
    fault: str = ""
    ahead: float | None = None  # seconds by which our clock is ahead of a server's


@dataclass(frozen=True, slots=True)
class Live:
    """Liberties of the containers that run."""

    findings: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look at everything."""

    stack: Stack
    working_dir: Path
    flags: str = ""  # what chooses the same profile again, for hints
    project_flags: str = ""  # what chooses the same project
    machine: Machine = field(default_factory=Machine)
    docker: Docker = field(default_factory=Docker)
    images: tuple[Image, ...] = ()
    live: Live = field(default_factory=Live)
    gpu: Gpu = field(default_factory=Gpu)
    card: Card = field(default_factory=Card)
    ports: tuple[PortUse, ...] = ()
    models: tuple[Model, ...] = ()
    digests: tuple[Digest, ...] = ()
    disks: tuple[Disk, ...] = ()
    secrets: tuple[SecretFile, ...] = ()
    git: Git | None = None
    project: Project = field(default_factory=Project)
    programs: Programs = field(default_factory=Programs)
    web: Web = field(default_factory=Web)

    def command(self, words: str) -> str:
        """Return a command about the same profile."""
        return " ".join(filter(None, ("aisuite", words, self.flags)))

    def on_project(self, words: str) -> str:
        """Return a command about the same project."""
        return " ".join(filter(None, ("aisuite", words, self.project_flags)))

    @property
    def up(self) -> str:
        """The command that brings this stack up."""
        return " ".join(filter(None, (self.command("up"), self.project_flags)))

    @property
    def in_containers(self) -> bool:
        """Whether the stack is for the container engine."""
        return self.stack.engine == "docker"
