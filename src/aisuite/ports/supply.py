"""What is fetched or made once: models, images, environments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from aisuite.stack.model import ModelFile


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

    base: str = "python:3.13-slim"  # of a profile: images.service_base
    vectordb: bool = False  # with the embedded vector store
    fastembed: bool = False  # with what runs embedding models in ONNX's format


class Images(Protocol):
    """The images of the container engine. Safe to call from several threads. Every call raises EngineUnavailable."""

    def find(self, reference: str) -> LocalImage | None:
        """Return an image, or None when it is not here."""

    def pull(self, reference: str, progress: Progress) -> None:
        """Fetch an image; one with a digest gets its tag, too. Raises DownloadFailed, DiskFull. Units are bytes."""

    def tag(self, image: str, reference: str) -> None:
        """Let a name with a tag stand for an image that is here, whatever it stood for. Raises DownloadFailed."""

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
