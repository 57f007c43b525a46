"""What is kept: the project folder, data, events, files that people share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path


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

    def list_folder(self, name: str) -> tuple[str, ...]:
        """Return the names in a folder below the project folder, sorted; empty when it is not there."""

    def ensure_secret(self, name: str) -> Path:
        """Return the path of a secret, making it at first use (0600)."""

    def remove(self, name: str) -> None:
        """Remove a file or folder below the project folder; fine when it is not there."""

    def link(self, name: str, target: str) -> None:
        """Let a name right in the project folder stand for another one below it, from one moment to the next.

        Raises StateUnwritable, DiskFull.
        """


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


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that former versions have made, and this one has no use for."""

    name: str  # its path
    what: str
    bytes: int
    used_by: str | None  # who uses it even so


class Leftovers(Protocol):
    """What can be removed without a loss."""

    def find(self) -> tuple[Leftover, ...]:
        """Return all that are there, by name."""

    def remove(self, leftover: Leftover) -> None:
        """Remove one; fine when it is not there. Raises StateUnwritable."""


class Journal(Protocol):
    """What happened to a project, kept for whoever asks later; the oldest is forgotten first."""

    def append(self, entry: Mapping[str, str]) -> None:
        """Keep an entry. Raises StateUnwritable, DiskFull."""
