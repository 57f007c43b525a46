"""The steps of a restore, forward; each may be done again after it was cut off anywhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.bundle.model import Kind
from aisuite.bundle.restore_plan import path_in_folder
from aisuite.bundle.restore_steps import Step, aliases_after, made_meanwhile, superseded
from aisuite.errors import RestoreFailed
from aisuite.ops.generations import begin_generation, current_number
from aisuite.ops.restore_safety import back_up_first
from aisuite.ports.failpoint import failpoint
from aisuite.stack.document import parse_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aisuite.bundle.model import BundleFile, CollectionFacts
    from aisuite.bundle.restore_steps import Collection, Item, Restore, Store
    from aisuite.ops.restore_work import Work
    from aisuite.ports.archive import VectorStore
    from aisuite.stack.model import Stack

CONFIG_FOLDER = "restored"  # in the project folder
_STACK = "resolved.json"
_RECORDS = frozenset({"stack.json", "engine"})  # of the last `up`: facts, and nothing that was rendered


def _safety(work: Work) -> Restore | None:
    return back_up_first(work) if work.restore.safety is None else None


def _stop(work: Work) -> None:
    work.stop(name for name in work.restore.writers if name in work.restore.wanted)


def _collections(work: Work) -> None:
    for one in work.restore.stores:
        work.ensure_up(one.service)
        store = work.store(one.url)
        for collection in one.new:
            _upload(work, store, collection, collection.fresh(work.restore.id))
        there = {facts.name: facts for facts in store.collections()}
        for collection in one.new:
            compare_collection(work, collection, there.get(collection.fresh(work.restore.id)))


def _upload(work: Work, store: VectorStore, collection: Collection, name: str) -> None:
    work.doors.places.make_folder(work.scratch)
    snapshot = work.scratch / "collection.snapshot"
    work.doors.places.remove(snapshot)
    work.shelf.extract(work.restore.bundle, work.file(collection.file), snapshot)
    store.remove(name)  # half of it may be there
    store.upload(snapshot, name)
    work.doors.places.remove(snapshot)
    failpoint("restore.collection")


def compare_collection(work: Work, collection: Collection, found: CollectionFacts | None) -> None:
    """Raise RestoreFailed unless a collection holds what the manifest says."""
    wanted = next(one for one in work.manifest.collections if one.file == collection.file)
    if found is None:
        raise RestoreFailed(f"collection {collection.name} did not arrive in the vector store", "aisuite logs")
    for what in ("points", "dim", "distance"):
        if getattr(found, what) != getattr(wanted, what):
            is_, must = getattr(found, what), getattr(wanted, what)
            raise RestoreFailed(f"collection {collection.name} came back with {what} {is_}; it had {must}")
    changed = [point for point, digest in wanted.samples.items() if found.samples.get(point) != digest]
    if changed:
        raise RestoreFailed(f"collection {collection.name}: point {changed[0]} came back with another content")


def _stage(work: Work) -> None:
    for item in work.restore.items:
        work.doors.places.remove(work.staged(item))
        if item.kind is Kind.FOLDER:
            _stage_folder(work, item)
        elif item.files:
            _stage_database(work, item)
        failpoint("restore.staged")


def _stage_database(work: Work, item: Item) -> None:
    staged, (path,) = work.staged(item), item.files
    work.doors.places.make_folder(staged.parent)
    work.shelf.extract(work.restore.bundle, work.file(path), staged)
    found = work.doors.backup.databases.examine(staged)
    wanted = next(one for one in work.manifest.databases if one.file == path)
    if (found.schema_version, dict(found.rows), found.content_digest) != (
        wanted.schema_version,
        dict(wanted.rows),
        wanted.content_digest,
    ):
        raise RestoreFailed(f"{Path(item.target).name} of {item.service} unpacks to other rows than it had")


def _stage_folder(work: Work, item: Item) -> None:
    staged = work.staged(item)
    work.doors.places.make_folder(staged)
    for path in item.files:
        file = work.file(path)
        goal = staged / path_in_folder(file)
        work.doors.places.make_folder(goal.parent)
        work.shelf.extract(work.restore.bundle, file, goal)
    work.doors.places.sync(staged)


def _place(work: Work) -> None:
    places = work.doors.places
    work.stop(work.restore.writers)  # somebody may have started them since the restore was cut off
    for item in work.restore.items:
        target, kept = Path(item.target), work.kept(item)
        if item.kind is Kind.FOLDER:
            places.exchange(work.staged(item), target, kept)
        elif item.files:
            if work.restore.is_damaged(item) and places.there(work.staged(item)):
                places.put_away(target, kept)  # with its WAL, which SQLite could not bring into it
            work.doors.backup.databases.place(work.staged(item), target, kept)
        else:
            places.put_away(target, kept)
        failpoint("restore.placed")


def _config(work: Work) -> Restore | None:
    """Make the backup's configuration a generation; what was rendered for another folder is laid beside only."""
    if not work.restore.config:
        return None
    workdir, places, folder = work.doors.deps.workdir, work.doors.places, work.scratch / CONFIG_FOLDER
    places.remove(folder)
    files = {file.path.partition("/")[2].removesuffix(".zst"): file for file in work.manifest.files if _is_config(file)}
    for name, file in files.items():
        places.make_folder((folder / name).parent)
        work.shelf.extract(work.restore.bundle, file, folder / name)
    texts = {name: workdir.read(f"{work.scratch.name}/{CONFIG_FOLDER}/{name}") or "" for name in files}
    stack = _parse_own_stack(texts.pop(_STACK, ""), work)
    if stack is None:
        places.make_folder(workdir.folder / CONFIG_FOLDER)
        places.remove(workdir.folder / CONFIG_FOLDER / work.restore.bundle)
        places.put_away(folder, workdir.folder / CONFIG_FOLDER / work.restore.bundle)
        return None
    rendered = {name: text for name, text in texts.items() if name not in _RECORDS}
    number = begin_generation(stack, rendered, work.doors.deps, fetched=False, bundle=work.restore.safety)
    return replace(work.restore, generation=number or current_number(workdir))


def _is_config(file: BundleFile) -> bool:
    return file.kind is Kind.CONFIG


def _parse_own_stack(text: str, work: Work) -> Stack | None:
    """Return the stack of a backup; None for one of another folder, or another version's."""
    try:
        stack = parse_stack(json.loads(text))
    except (ValueError, RecursionError):
        return None
    return stack if (stack.project, stack.folder) == (work.stack.project, work.stack.folder) else None


def _start(work: Work) -> None:
    for service in work.stack.services:
        if service.name in work.restore.running:
            work.ensure_up(service.name)
        elif service.name in work.restore.broken:
            work.ensure_up(service.name, alone=True)


def _aliases(work: Work) -> None:
    for one in work.restore.stores:
        work.ensure_up(one.service)
        store = work.store(one.url)
        for collection in one.new:
            if not collection.aliases:
                _upload(work, store, collection, collection.name)
        _switch(work, one, store)
        failpoint("restore.switched")


def _switch(work: Work, one: Store, store: VectorStore) -> None:
    """Point all aliases at once; what a service has made since it was started goes first, and is reconciled later."""
    wanted = aliases_after(one, work.restore.id)
    now = {alias: target for alias, target in store.collections_by_alias().items() if alias in wanted}
    for name in made_meanwhile(one, work.restore.id, now):
        store.remove(name)
    store.switch(wanted)


def _reconcile(work: Work) -> None:
    for name, url in work.restore.reconcile:
        work.ensure_up(name, alone=name not in work.restore.running)
        work.reconcile(url)


def _tidy(work: Work) -> None:
    for one in work.restore.stores:
        work.ensure_up(one.service)
        store = work.store(one.url)
        spare = [new.fresh(work.restore.id) for new in one.new if not new.aliases]
        for name in (*superseded(one), *spare):
            store.remove(name)
            failpoint("restore.removed")
    for item in work.restore.items:
        if work.restore.is_damaged(item):
            work.doors.places.put_away(work.kept(item), work.remains(item))
        else:
            work.doors.places.remove(work.kept(item))
    work.doors.places.remove(work.scratch)
    work.end_alone()


FORWARD: Mapping[Step, Callable[[Work], Restore | None]] = {
    Step.SAFETY: _safety,
    Step.STOP: _stop,
    Step.COLLECTIONS: _collections,
    Step.STAGE: _stage,
    Step.PLACE: _place,
    Step.CONFIG: _config,
    Step.START: _start,
    Step.ALIASES: _aliases,
    Step.RECONCILE: _reconcile,
    Step.TIDY: _tidy,
}
