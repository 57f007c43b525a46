"""A repository of bundles that is a folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.bundle.stored import Stored

HERE = "this-machine"


@dataclass
class FolderRepository:
    """Keeps bundles on another shelf; `added` is what others have stored, of which there is no content."""

    source: BundleShelf
    project: str = "demo"
    host: str = HERE
    shelf: str | None = None  # from which bundles were stored last
    added: list[Stored] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)
    pruned: int = 0

    def store(self, shelf: Path, bundle: str, project: str) -> str:
        self.source.path.mkdir(exist_ok=True)
        shutil.copytree(shelf / bundle, self.source.path / bundle)
        self.project, self.shelf = project, str(shelf.resolve())
        return f"snapshot of {bundle}"

    def bundles(self) -> tuple[Stored, ...]:
        own = (
            Stored(bundle, f"snapshot of {bundle}", self.project, HERE, self.shelf, bundle in self.damaged)
            for bundle in self.source.list()
        )
        return tuple(sorted((*own, *self.added), key=lambda one: one.bundle))

    def fetch(self, stored: Stored, folder: Path) -> None:
        shutil.copytree(self.source.path / stored.bundle, folder / stored.bundle)

    def mark(self, stored: Stored, *, damaged: bool) -> None:
        self.added = [replace(one, damaged=damaged) if one == stored else one for one in self.added]
        (self.damaged.add if damaged else self.damaged.discard)(stored.bundle)

    def forget(self, stored: Sequence[Stored], *, prune: bool) -> None:
        for one in stored:
            if one in self.added:
                self.added.remove(one)
            else:
                self.source.remove(one.bundle)
        self.pruned += prune
