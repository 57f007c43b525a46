"""The steps of a restore, taken back; each may be done again after it was cut off anywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.bundle.model import Kind
from aisuite.bundle.restore_steps import Step, aliases_before, made_meanwhile
from aisuite.errors import RestoreFailed
from aisuite.ops.restore_forward import CONFIG_FOLDER
from aisuite.ports.failpoint import failpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aisuite.bundle.restore_steps import Item, OldCollection, Restore, Store
    from aisuite.ops.restore_work import Work
    from aisuite.ports.archive import VectorStore


def _nothing(_: Work) -> None:
    """Nothing of it lasts."""


def _stop_writers(work: Work) -> None:
    work.stop(work.restore.writers)


def _stop_started(work: Work) -> Restore:
    """Stop the services that were started on the new databases; what they have made in the stores goes."""
    _stop_writers(work)
    for one in work.restore.stores:
        work.ensure_up(one.service)
        _remove_made(work, one, work.store(one.url))
    return replace(work.restore, mixed=bool(work.restore.running))


def _remove_made(work: Work, one: Store, store: VectorStore) -> None:
    for name in made_meanwhile(one, work.restore.id, store.collections_by_alias()):
        store.remove(name)


def _config(work: Work) -> None:
    if work.restore.config:
        work.doors.places.remove(work.doors.deps.workdir.folder / CONFIG_FOLDER / work.restore.bundle)


def _aliases(work: Work) -> None:
    _stop_writers(work)  # what they have is the new databases
    for one in work.restore.stores:
        work.ensure_up(one.service)
        store = work.store(one.url)
        overwritten = {new.name for new in one.new if not new.aliases}
        for old in one.old:
            if old.name in overwritten:
                _bring_back(work, store, old, one.service)
        for name in overwritten - {old.name for old in one.old}:
            store.remove(name)
        _remove_made(work, one, store)
        store.switch(aliases_before(one))
        failpoint("undo.switched")


def _bring_back(work: Work, store: VectorStore, old: OldCollection, service: str) -> None:
    """Give a collection that has no alias its old content, from the safety backup."""
    if work.restore.safety is None:
        return
    shelf, safety = work.doors.backup.shelf, work.restore.safety
    manifest = shelf.manifest(safety)
    path = next(one.file for one in manifest.collections if (one.service, one.name) == (service, old.name))
    snapshot = work.scratch / "collection.snapshot"
    work.doors.places.make_folder(work.scratch)
    work.doors.places.remove(snapshot)
    shelf.extract(safety, next(one for one in manifest.files if one.path == path), snapshot)
    store.remove(old.name)
    store.upload(snapshot, old.name)


def _place(work: Work) -> None:
    _stop_writers(work)  # somebody may have started them since the restore was cut off
    for item in reversed(work.restore.items):
        _put_back(work, item)
        failpoint("undo.placed")


def _put_back(work: Work, item: Item) -> None:
    target, kept, staged, places = Path(item.target), work.kept(item), work.staged(item), work.doors.places
    if not item.there:
        places.remove(target)
    elif item.kind is Kind.FOLDER:
        if places.there(kept):
            places.exchange(kept, target, staged)
    elif work.restore.is_damaged(item):
        if places.there(kept) and not places.there(staged):
            places.put_away(target, staged)
        places.put_away(kept, target)
    elif item.files:
        work.doors.backup.databases.place(kept, target, staged)
        places.remove(kept)  # a link to the same file, when the restore was cut off before its rename
    else:
        places.put_away(kept, target)
    if item.there and not places.there(target):
        raise RestoreFailed(f"{target} is gone, and so is {kept}", f"aisuite restore {work.restore.safety}")


def _stage(work: Work) -> None:
    for item in work.restore.items:
        work.doors.places.remove(work.staged(item))


def _collections(work: Work) -> None:
    for one in work.restore.stores:
        work.ensure_up(one.service)
        for new in one.new:
            work.store(one.url).remove(new.fresh(work.restore.id))
    work.doors.places.remove(work.scratch)


def _start_again(work: Work) -> None:
    for service in work.stack.services:
        if service.name in work.restore.ailing:
            work.start(service.name)
        elif service.name in work.restore.running:
            work.ensure_up(service.name)
    if work.restore.mixed:
        for name, url in work.restore.reconcile:
            if name in work.restore.running and name not in work.restore.ailing:
                work.reconcile(url)
    work.end_alone()


BACK: Mapping[Step, Callable[[Work], Restore | None]] = {
    Step.RECONCILE: _stop_writers,
    Step.ALIASES: _aliases,
    Step.START: _stop_started,
    Step.CONFIG: _config,
    Step.PLACE: _place,
    Step.STAGE: _stage,
    Step.COLLECTIONS: _collections,
    Step.STOP: _start_again,
    Step.SAFETY: _nothing,
}
