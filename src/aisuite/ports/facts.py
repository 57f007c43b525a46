"""What a machine and its container engine say about themselves, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aisuite.preflight.snapshot import Disk, Docker, Git, Machine, Purpose, SecretFile, Web


class MachineFacts(Protocol):
    """Questions to this machine. None of them changes anything."""

    def machine(self) -> Machine:
        """Return what the kernel says."""

    def disk(self, purpose: Purpose, path: Path) -> Disk:
        """Return the file system of a folder, or of its nearest existing parent."""

    def secrets(self, files: Sequence[Path]) -> tuple[SecretFile, ...]:
        """Return those of the files that are there: who may read them, and whether what they hold can be guessed."""

    def git(self, folder: Path) -> Git | None:
        """Return the state of the repository that a folder is in; None: it is in none, or there is no git."""

    def half_written(self, folder: Path) -> tuple[Path, ...]:
        """Return what crashes in the middle of a write have left below a project's folder."""

    def digest(self, path: Path) -> str:
        """Return the sha256 of a file. Raises ModelBroken when it cannot be read."""

    def allocate(self, device: int) -> str:
        """Take a little memory of a card and give it back; return why that failed, "" when it did not."""

    def web(self) -> Web:
        """Ask the hub that models come from for its time."""


class EngineFacts(Protocol):
    """Questions to the container engine."""

    def describe(self) -> Docker:
        """Return what it says about itself; an engine that does not answer is `fault`."""

    def oldest_cuda(self, image: str) -> str | None:
        """Return the oldest CUDA that an image here runs with, as it says itself: "12.4". None: it does not say."""

    def afar(self, image: str) -> str:
        """Ask the image's registry for it, and fetch nothing; return why it does not give it, "" when it does."""


class Repairs(Protocol):
    """What can be put right without a loss. Every call raises StateUnwritable."""

    def close_to_others(self, path: Path) -> None:
        """Take every right of group and others."""

    def remove_file(self, path: Path) -> None:
        """Remove a file; fine when it is not there."""
