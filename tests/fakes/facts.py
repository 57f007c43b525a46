"""A machine and a container engine that say what a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aisuite.preflight.snapshot import Disk, Docker, Git, Machine, Purpose, SecretFile, Web


@dataclass
class FakeFacts:
    """`asked` lists the questions, in order."""

    kernel: Machine = field(default_factory=lambda: Machine(kernel="6.1", memory=2**34, sqlite="3.51.3"))
    free: int = 10**12
    kept: dict[Path, SecretFile] = field(default_factory=dict)
    repository: Git | None = None
    left: tuple[Path, ...] = ()
    digests: dict[Path, str] = field(default_factory=dict)
    card_fault: str = ""
    asked: list[str] = field(default_factory=list)

    def machine(self) -> Machine:
        self.asked.append("machine")
        return self.kernel

    def disk(self, purpose: Purpose, path: Path) -> Disk:
        self.asked.append("disk")
        return Disk(purpose, path, self.free, "ext4")

    def secrets(self, files: Sequence[Path]) -> tuple[SecretFile, ...]:
        self.asked.append("secrets")
        return tuple(self.kept[path] for path in files if path in self.kept)

    def git(self, folder: Path) -> Git | None:
        self.asked.append("git")
        return self.repository

    def half_written(self, folder: Path) -> tuple[Path, ...]:
        self.asked.append("half_written")
        return self.left

    def digest(self, path: Path) -> str:
        self.asked.append("digest")
        return self.digests[path]

    def allocate(self, device: int) -> str:
        self.asked.append("allocate")
        return self.card_fault

    def web(self) -> Web:
        self.asked.append("web")
        return Web(asked=True, ahead=0.0)


@dataclass
class FakeEngineFacts:
    """An engine; `registry` maps images to why they cannot be had."""

    said: Docker = field(default_factory=lambda: Docker(version="28.5.2", cpus=8))
    cuda: str | None = "12.4"
    registry: dict[str, str] = field(default_factory=dict)

    def describe(self) -> Docker:
        return replace(self.said)

    def oldest_cuda(self, image: str) -> str | None:
        return self.cuda

    def afar(self, image: str) -> str:
        return self.registry.get(image, "")
