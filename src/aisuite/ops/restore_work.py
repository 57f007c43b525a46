"""What the steps of a restore share: doors, the bundle, the services that are stopped and started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.errors import RestoreFailed
from aisuite.ops.generations import current_number, read_generation, read_stack
from aisuite.plan.fingerprint import fingerprint
from aisuite.plan.observed import ALIVE
from aisuite.stack.places import SERVICE_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aisuite.bundle.model import BundleFile, Manifest
    from aisuite.bundle.restore_steps import Item, Restore
    from aisuite.ops.backup import BackupDoors
    from aisuite.ports import Deps, Workdir
    from aisuite.ports.archive import Places, Shelf, VectorStore
    from aisuite.stack.model import Stack

_POLL = 0.1  # seconds
_PATIENCE = 600.0  # seconds for a service to reconcile


@dataclass(frozen=True, slots=True)
class RestoreDoors:
    """What a restore needs of the outside; `backup` makes the safety backup, on the project's own shelf."""

    backup: BackupDoors
    places: Places
    open_shelf: Callable[[Path], Shelf]

    @property
    def deps(self) -> Deps:
        """What every use case has."""
        return self.backup.deps


@dataclass(frozen=True, slots=True)
class Work:
    """One restore at work; everything in it is read from the disk again when it is resumed."""

    restore: Restore
    doors: RestoreDoors
    shelf: Shelf
    manifest: Manifest
    stack: Stack

    @property
    def scratch(self) -> Path:
        """A folder for snapshots on their way."""
        return self.doors.deps.workdir.folder / f"restoring-{self.restore.id}"

    def file(self, path: str) -> BundleFile:
        """Return a file of the bundle."""
        return next(one for one in self.manifest.files if one.path == path)

    def staged(self, item: Item) -> Path:
        """Where the new one of an item is made ready."""
        return Path(item.staged(self.restore.id))

    def kept(self, item: Item) -> Path:
        """Where the old one of an item waits."""
        return Path(item.kept(self.restore.id))

    def remains(self, item: Item) -> Path:
        """Where the old one of an item stays for good, because no backup holds it."""
        return Path(item.remains(self.restore.id))

    def store(self, url: str) -> VectorStore:
        """Return a vector store, which must be running."""
        return self.doors.backup.store(url, self._key())

    def reconcile(self, url: str) -> None:
        """Let a service make what is derived follow what it keeps."""
        self.doors.backup.chat.post(url, self._key(), {}, _PATIENCE)

    def stop(self, names: Iterable[str]) -> None:
        """Stop services; fine when they are stopped."""
        for name in names:
            self.doors.deps.engine.stop(name)

    def start(self, name: str, *, alone: bool = False) -> None:
        """Start a service unless it runs."""
        deps, service = self.doors.deps, self.stack.service(name)
        found = deps.engine.observe().find(name)
        if found is None or found.state not in ALIVE:
            deps.engine.open(self.stack)
            files = {file: deps.workdir.read(file) or "" for file in service.config_files}
            # Started alone it has no fingerprint: should `up` find it, it makes it anew.
            deps.engine.start(service, {} if alone else fingerprint(service, files))

    def ensure_up(self, name: str, *, alone: bool = False) -> None:
        """Start a service unless it runs, and wait for it. `alone`: until it lives; what it needs may be missing."""
        self.start(name, alone=alone)
        deps, service = self.doors.deps, self.stack.service(name)
        url, deadline = service.live_url if alone else service.ready_url, deps.clock.monotonic() + service.deadline
        while not (answer := deps.probe.ask(url)).ready:
            if deps.clock.monotonic() > deadline:
                raise RestoreFailed(f"{name} did not come up: {answer.reason}", f"aisuite logs {name}")
            deps.clock.sleep(_POLL)

    def end_alone(self) -> None:
        """Stop what ran only for the restore; everything, when nothing ran before it."""
        if not self.restore.wanted:
            self.doors.deps.engine.close()
            return
        helpers = {*self.restore.writers, *(one.service for one in self.restore.stores)}
        self.stop(sorted(helpers - self.restore.wanted))

    def _key(self) -> str:
        return (self.doors.deps.workdir.read(f"secrets/{SERVICE_KEY}") or "").strip()


def recorded_stack(workdir: Workdir) -> Stack:
    """Return the stack as it was brought up last. Raises RestoreFailed when there never was one."""
    number = current_number(workdir)
    if number is None:
        raise RestoreFailed(f"nothing was ever brought up in {workdir.folder}", "aisuite up, then aisuite restore")
    return read_stack(workdir, read_generation(workdir, number))
