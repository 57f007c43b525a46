"""Snapshots that a backup makes in the vector stores: those of a backup that was killed are found, and removed."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aisuite.ops.backup_stores import OpenStore
    from aisuite.ports import Workdir
    from aisuite.ports.archive import VectorStore

NOTE = "snapshots.json"  # in the project's folder, while a backup has snapshots in the stores
_SCHEMA = "aisuite.snapshots/1"


@contextmanager
def snapshots_noted(stores: Sequence[OpenStore], workdir: Workdir) -> Iterator[None]:
    """Write down which snapshots are there before a backup makes its own; only one that is killed leaves the note.

    The stores choose the names, so that nothing else tells them from snapshots that a person has made.
    """
    before = {
        store.service: {one.name: store.door.snapshots(one.name) for one in store.collections} for store in stores
    }
    if before:
        workdir.write({NOTE: json.dumps({"schema": _SCHEMA, "before": before}, indent=1) + "\n"})
    try:
        yield
    finally:
        workdir.remove(NOTE)


def sweep_snapshots(service: str, door: VectorStore, collections: Sequence[str], workdir: Workdir) -> None:
    """Remove from a store what a killed backup has left there: of each collection the first snapshot since."""
    for collection, before in _read(workdir).get(service, {}).items():
        if collection in collections:
            since = [name for name in door.snapshots(collection) if name not in before]
            for name in since[:1]:  # a backup makes one; later ones are somebody else's
                door.remove_snapshot(collection, name)


def _read(workdir: Workdir) -> Mapping[str, Mapping[str, Sequence[str]]]:
    try:
        found = json.loads(workdir.read(NOTE) or "")
        return dict(found["before"]) if found["schema"] == _SCHEMA else {}
    except (ValueError, KeyError, TypeError):
        return {}  # there is none, or it is another version's
