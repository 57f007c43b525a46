"""The doors: what the use cases ask of the outside. Each has a real adapter and a fake that cannot lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from aisuite.plan.observed import Findings, Observed
    from aisuite.stack.model import EngineName, ModelFile, Service, Stack
    from aisuite.units import Mib


class Engine(Protocol):
    """Runs services: a supervisord with local processes, or Docker. Knows a project by its folder only."""

    @property
    def name(self) -> EngineName:
        """Which engine this is."""

    def observe(self) -> Observed:
        """Return one snapshot of the project: no waiting, no change, no HTTP. Works when nothing was ever started."""

    def open(self, stack: Stack) -> None:
        """Bring up the engine's own machinery for this stack's rendered files; does nothing when it is up.

        Also takes away what a crashed run left behind (orphaned processes). Raises EngineUnavailable.
        """

    def start(self, service: Service, fingerprint: Mapping[str, str]) -> None:
        """Start a service from its rendered description; returns when its process exists, not when it is ready.

        What runs under that name is stopped first.
        Raises StepFailed when the engine cannot start it at all.
        """

    def stop(self, name: str) -> None:
        """Stop a service and forget it: SIGTERM, after 10 s SIGKILL, its whole process group.

        Fine when it is not there.
        """

    def close(self) -> None:
        """Stop everything of the project, the machinery too. Nothing of it is running afterwards. Idempotent."""

    def log_tail(self, name: str, lines: int) -> tuple[str, ...]:
        """Return the last lines since a service's last start, oldest first; empty when there is none."""

    def examine(self, name: str) -> Findings:
        """Return what the engine noticed about a service since it was made; nothing when it keeps no such memory."""

    def port_holders(self) -> Mapping[int, str]:
        """Return who in this engine, outside the project, holds which port of the engine's machine."""

    def follow(self, name: str, lines: int) -> Iterator[str]:
        """Yield the last lines, then every new one, across rotation, until the caller stops."""

    def signal(self, name: str, signal_name: str) -> None:
        """Send a signal ("KILL", "STOP", "CONT", "TERM") to the service's own process. Raises NotRunning."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe got. `ready` is true for status 200; `reason` says in words why not."""

    ready: bool
    status: int | None
    reason: str
    seconds: float


class Probe(Protocol):
    """Asks a service over HTTP whether it is ready."""

    def ask(self, url: str, timeout: float = 2.0) -> Answer:
        """GET the URL once. Never raises for what the network does."""


class Renderer(Protocol):
    """Turns a stack into files."""

    def render(self, stack: Stack) -> dict[str, str]:
        """Return {path relative to the project folder: text}. The same stack gives the same bytes."""


class Workdir(Protocol):
    """A project's folder: `.aisuite/<project>`. Files 0600, folders 0700, every write atomic."""

    @property
    def folder(self) -> Path:
        """The absolute path."""

    def lock(self, purpose: str) -> AbstractContextManager[None]:
        """Hold the project for one command. Raises ProjectLocked naming the holder (pid, command, since) at once."""

    def write(self, files: Mapping[str, str]) -> tuple[str, ...]:
        """Write what differs, all or nothing per file; return the paths that changed.

        Raises StateUnwritable, DiskFull.
        """

    def read(self, name: str) -> str | None:
        """Return a file's text, or None when it is not there."""

    def ensure_secret(self, name: str) -> Path:
        """Return the path of a secret, making it at first use (0600)."""

    def remove(self, name: str) -> None:
        """Remove a file or folder below the project folder; fine when it is not there."""


class Preparer(Protocol):
    """Makes one thing that is made once (the gateway's environment, demo models)."""

    @property
    def what(self) -> str:
        """In words, for the plan."""

    def done(self) -> bool:
        """Whether it is there, complete."""

    def run(self, progress: Progress) -> None:
        """Make it; interrupted, it leaves nothing that counts as done."""


class Progress(Protocol):
    """Told about long work."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`total` 0 means unknown."""


class Hub(Protocol):
    """Where model files are fetched from."""

    def pull(self, model: ModelFile, progress: Progress, *, force: bool = False) -> None:
        """Fetch a file to its path, resuming; it appears there only when its digest is right.

        Raises DownloadFailed, DiskFull.
        """


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image that the container engine has."""

    id: str
    bytes: int
    digest: str | None  # by which the registry of its name knows it; None when it was made or loaded here
    recipe: str | None = None  # what it was made from, when we made it


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the image of our own services is made from, beside this installation."""

    base: str
    vectordb: bool = False  # with the embedded vector store


class Images(Protocol):
    """The images of the container engine. Safe to call from several threads. Every call raises EngineUnavailable."""

    def find(self, reference: str) -> LocalImage | None:
        """Return an image, or None when it is not here."""

    def pull(self, reference: str, progress: Progress) -> None:
        """Fetch an image; one with a digest gets its tag, too. Raises DownloadFailed, DiskFull. Units are bytes."""

    def build(self, reference: str, recipe: Recipe, progress: Progress, *, force: bool = False) -> bool:
        """Make the image of our services; false when the one that is here is made from the same.

        The base image must be here. Raises UsageError, DownloadFailed, DiskFull, StepFailed. Units are steps.
        """

    def save(self, reference: str, target: Path, progress: Progress) -> str:
        """Write an image to a file that appears when it is whole; return its sha256. Units are bytes.

        Raises DownloadFailed when the image is not here, DiskFull, StateUnwritable.
        """

    def digest(self, source: Path, progress: Progress) -> str:
        """Return the sha256 of a saved image's file. Raises DownloadFailed when it cannot be read."""

    def load(self, source: Path, progress: Progress) -> None:
        """Give a saved image to the engine. Raises DownloadFailed, DiskFull."""


class Folder(Protocol):
    """A folder whose files people share: the lock of images, an offline bundle."""

    @property
    def path(self) -> Path:
        """The absolute path."""

    def read(self, name: str) -> str | None:
        """Return a file's text, or None when it is not there. Raises StateUnwritable when it cannot be read."""

    def write(self, name: str, text: str) -> None:
        """Write a file, all or nothing, making the folder. Raises StateUnwritable, DiskFull."""


class KeptData(Protocol):
    """What the services of a project keep: folders, or volumes of the container engine."""

    def find(self) -> tuple[str, ...]:
        """Return the names of all that are there. Raises EngineUnavailable."""

    def remove(self, name: str) -> None:
        """Remove one; fine when it is not there. Raises StateUnwritable, StepFailed, EngineUnavailable."""


class Journal(Protocol):
    """What happened to a project, kept for whoever asks later; the oldest is forgotten first."""

    def append(self, entry: Mapping[str, str]) -> None:
        """Keep an entry. Raises StateUnwritable, DiskFull."""


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """One card, as its driver sees it."""

    index: int
    name: str
    total: Mib
    free: Mib


class Gpu(Protocol):
    """The graphics cards of this machine."""

    def devices(self) -> tuple[GpuDevice, ...]:
        """Return all cards; empty when there is no driver."""


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Host(Protocol):
    """Questions to this machine."""

    def port_holder(self, host: str, port: int) -> str | None:
        """Return who listens there ("python3, pid 4242"), or None when the port is free.

        "another process" when the holder cannot be seen.
        """

    def free_bytes(self, path: Path) -> int:
        """Return free space for this user on the file system of path (or of its nearest existing parent)."""

    def cpus(self) -> int:
        """Return how many cores this process may use."""


class Chat(Protocol):
    """Talks to the running suite as a client."""

    def stream(self, url: str, key: str, body: Mapping[str, Any], timeout: float) -> Iterator[dict[str, Any]]:
        """POST and yield the server-sent events' JSON bodies. Raises NotRunning, StepFailed."""

    def post(self, url: str, key: str, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """POST and return the JSON answer. Raises NotRunning, StepFailed."""


@dataclass(frozen=True, slots=True)
class Deps:
    """Everything a use case may need of the outside."""

    engine: Engine
    probe: Probe
    renderer: Renderer
    workdir: Workdir
    host: Host
    clock: Clock
    gpu: Gpu
    preparers: Mapping[str, Preparer]
