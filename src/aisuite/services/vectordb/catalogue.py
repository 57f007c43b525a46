"""All collections of a data folder, their aliases, and the lock that makes the folder ours."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from aisuite.services.common import ServiceError, StartError
from aisuite.services.vectordb.aliases import AliasAction
from aisuite.services.vectordb.archive import ArchiveRefused
from aisuite.services.vectordb.collection import Collection, Limits
from aisuite.services.vectordb.durable import clear_folder, remove_file, write_atomically
from aisuite.services.vectordb.errors import CollectionBroken, Conflict, InvalidBody, missing_collection
from aisuite.services.vectordb.record import FILE, Record, RecordUnreadable, new_shard_name
from aisuite.services.vectordb.schema import CollectionSchema
from aisuite.services.vectordb.snapshots import Unpacked

NAME_BYTES = 200
_FORBIDDEN = frozenset('<>:"/\\|?*')

logger = logging.getLogger(__name__)


class FolderTaken(StartError):
    """Another process serves this folder."""


class FolderUnusable(StartError):
    """The folder cannot be made or written."""


class Catalogue:
    """Find, make and remove collections; every name may be an alias."""

    def __init__(self, data: Path, limits: Limits) -> None:
        self.scratch = data / "scratch"
        self._root = data / "collections"
        self._alias_file = data / "aliases.json"
        self._limits = limits
        self._changes = threading.Lock()
        self._collections: dict[str, Collection] = {}
        self._broken: dict[str, str] = {}
        self._lock_file = _take(data)
        try:
            clear_folder(self.scratch)
            self._root.mkdir(exist_ok=True)
            self._load_all()
            self._aliases = self._load_aliases()
        except BaseException:
            self.close()
            raise

    def collections(self) -> list[Collection]:
        """Give those that can be used."""
        return list(self._collections.values())

    def names(self) -> list[str]:
        """Name all, the broken ones too."""
        return sorted([*self._collections, *self._broken])

    @property
    def broken(self) -> Mapping[str, str]:
        """Name the collections that could not be opened, with the cause."""
        return self._broken

    @property
    def aliases(self) -> Mapping[str, str]:
        """Map aliases to collections."""
        return self._aliases

    def resolve(self, name: str) -> str:
        """Give the collection's own name for a name or alias."""
        return self._aliases.get(name, name)

    def exists(self, name: str) -> bool:
        """Tell whether there is such a collection or alias."""
        own = self.resolve(name)
        return own in self._collections or own in self._broken

    def find(self, name: str) -> Collection:
        """Find a collection by name or alias."""
        own = self.resolve(name)
        if own in self._broken:
            raise CollectionBroken(own, self._broken[own])
        if own not in self._collections:
            raise missing_collection(name)
        return self._collections[own]

    def create(self, name: str, schema: CollectionSchema) -> None:
        """Make an empty collection."""
        with self._changes:
            self._require_free(name)
            self._collections[name] = Collection.create(self._root / name, name, schema, self._limits)

    def delete(self, name: str) -> bool:
        """Remove a collection, by its own name only, with its aliases; False when there was none."""
        with self._changes:
            if name in self._broken:
                remove_file(self._root / name / FILE)
                shutil.rmtree(self._root / name)
                del self._broken[name]
            elif name in self._collections:
                self._collections.pop(name).destroy()
            else:
                return False
            self._save_aliases({alias: target for alias, target in self._aliases.items() if target != name})
            return True

    def change_aliases(self, actions: Iterable[AliasAction]) -> None:
        """Do all of the actions, or none."""
        with self._changes:
            aliases = dict(self._aliases)
            for action in actions:
                action.apply(aliases, self.names())
            self._save_aliases(aliases)

    def recover(self, name: str, unpacked: Unpacked) -> None:
        """Give a collection the content of a snapshot; without one of that name it is made."""
        with self._changes, _refusing_what_cannot_be_opened():
            own = self.resolve(name)
            if own in self._collections:
                _replace_content(self._collections[own], unpacked)
                return
            self._require_free(name)
            folder = self._root / name
            try:
                folder.mkdir()
                record = Record(name=name, shard=new_shard_name(), config=unpacked.config)
                unpacked.folder.rename(folder / record.shard)
                record.write(folder)
                self._collections[name] = Collection.open(folder, self._limits)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise

    def close(self) -> None:
        """Close all and leave the folder to others."""
        for collection in self._collections.values():
            collection.close()
        self._lock_file.close()

    def _require_free(self, name: str) -> None:
        _check_name(name)
        if name in self._aliases:
            raise Conflict(f"Can't create collection with name {name}. Alias with the same name already exists")
        if name in self._collections or name in self._broken:
            raise Conflict(f"Collection `{name}` already exists!")

    def _load_all(self) -> None:
        for folder in sorted(self._root.iterdir()):
            if not (folder / FILE).exists():
                shutil.rmtree(folder)  # half made or half removed when the process died
                continue
            try:
                self._collections[folder.name] = Collection.open(folder, self._limits)
            except (RecordUnreadable, ServiceError) as err:
                self._broken[folder.name] = str(err)
                logger.warning("collection cannot be opened", extra={"collection": folder.name, "cause": str(err)})

    def _load_aliases(self) -> dict[str, str]:
        try:
            stored: dict[str, str] = json.loads(self._alias_file.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as err:
            raise FolderUnusable(f"{self._alias_file} is damaged: {err}") from err
        names = self.names()
        return {alias: target for alias, target in stored.items() if target in names}

    def _save_aliases(self, aliases: dict[str, str]) -> None:
        if aliases != self._aliases:
            write_atomically(self._alias_file, json.dumps(aliases, ensure_ascii=False, indent=1).encode())
            self._aliases = aliases


@contextmanager
def _refusing_what_cannot_be_opened() -> Iterator[None]:
    """The engine's failure to open a shard with its schema is here the fault of the snapshot."""
    try:
        yield
    except ServiceError as err:
        if err.status == 500:
            raise ArchiveRefused(f"the engine cannot open it ({err.message})") from err
        raise


def _replace_content(collection: Collection, unpacked: Unpacked) -> None:
    shard = new_shard_name()
    try:
        unpacked.folder.rename(collection.folder / shard)
        collection.replace(shard, unpacked.config)
    finally:
        if not collection.uses(shard):
            shutil.rmtree(collection.folder / shard, ignore_errors=True)


def _check_name(name: str) -> None:
    if not 0 < len(name.encode(errors="replace")) <= NAME_BYTES:
        raise InvalidBody(f"collection_name: 1 to {NAME_BYTES} bytes are needed")
    if name.startswith(".") or not name.isprintable() or _FORBIDDEN & set(name):
        raise InvalidBody(f"collection_name: no leading dot, control signs or any of {' '.join(sorted(_FORBIDDEN))}")


def _take(data: Path) -> IO[str]:
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / ".lock").open("a+", encoding="utf-8")
    except OSError as err:
        raise FolderUnusable(f"cannot use the data folder {data}: {err.strerror}") from err
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise FolderTaken(f"the data folder {data} is in use by process {holder}") from err
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
