"""A restore as a row of named steps, and the journal that lets a later run finish it or take it back.

Each step may be carried out again after it was cut off anywhere. The journal names the step that was begun last, and
whether the restore goes on or back; it is written before the step, and removed behind the last one.

    safety       a backup of what is there now
    stop         the services that write are stopped
    collections  each snapshot becomes a new collection beside the old one, and is compared with the manifest
    stage        each database and folder is unpacked beside the old one, and compared with the manifest
    place        old becomes `<name>.pre-<id>`, new takes its name
    config       the configuration becomes a generation, where it was asked for
    start        the services that were stopped are started, and waited for
    aliases      the names of collections point to the new ones, all in one request: only what is healthy gets them
    reconcile    what is derived follows what is kept
    tidy         what was kept of the old state is removed; from here on there is no way back
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from aisuite.bundle.model import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMA = "aisuite.restore/2"
_OURS = re.compile(r"__r[0-9]{8}T[0-9]{6}Z$")


class Step(StrEnum):
    """The steps, in order."""

    SAFETY = "safety"
    STOP = "stop"
    COLLECTIONS = "collections"
    STAGE = "stage"
    PLACE = "place"
    CONFIG = "config"
    START = "start"
    ALIASES = "aliases"
    RECONCILE = "reconcile"
    TIDY = "tidy"


_ORDER = tuple(Step)


@dataclass(frozen=True, slots=True)
class Item:
    """A database or a folder of a service: what comes there, and whether something lay there before."""

    service: str
    kind: Kind
    target: str  # absolute
    files: tuple[str, ...]  # of the bundle; none: it was not there when the backup was made
    there: bool

    def staged(self, restore: str) -> str:
        """Where the new one is made ready: on the same file system."""
        return self._beside(f"new-{restore}")

    def kept(self, restore: str) -> str:
        """Where the old one waits until the restore is over."""
        return self._beside(f"pre-{restore}")

    def remains(self, restore: str) -> str:
        """Where the old one stays when it is damaged, so that no backup holds it."""
        return self._beside(f"damaged-{restore}")

    def _beside(self, ending: str) -> str:
        return str(PurePosixPath(self.target).with_name(f"{PurePosixPath(self.target).name}.{ending}"))


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of the bundle, and the one that is made from it."""

    file: str
    name: str
    aliases: tuple[str, ...]  # none: clients know it by its own name, so that name gets its content

    def fresh(self, restore: str) -> str:
        """The name of the new collection."""
        return f"{_OURS.sub('', self.name)}__r{restore}"


@dataclass(frozen=True, slots=True)
class OldCollection:
    """A collection as it was found."""

    name: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """A vector store: what comes into it, and what it held before."""

    service: str
    url: str
    new: tuple[Collection, ...]
    old: tuple[OldCollection, ...]


@dataclass(frozen=True, slots=True)
class Restore:
    """One restore: everything that was decided before anything was touched, and how far it is."""

    id: str  # a moment, as 20261121T143000Z
    bundle: str
    shelf: str  # absolute folder in which the bundle lies
    project: str
    config: bool  # the configuration, too
    running: tuple[str, ...]  # services that ran when it began
    broken: tuple[str, ...]  # services whose files are replaced, and that tried to run and could not
    items: tuple[Item, ...]
    stores: tuple[Store, ...]
    reconcile: tuple[tuple[str, str], ...]  # service and URL
    step: Step = Step.SAFETY
    back: bool = False  # it is being taken back
    safety: str | None = None  # id of the backup of what was there before
    generation: int | None = None  # what the backup's configuration became
    damaged: tuple[str, ...] = ()  # databases that could not be read, so that the backup of what was there lacks them
    mixed: bool = False  # going back: services have run on the new databases and the old collections

    @property
    def writers(self) -> tuple[str, ...]:
        """The services whose databases and folders are replaced, and those that reconcile; in order, each once."""
        return tuple(dict.fromkeys([*(one.service for one in self.items), *(name for name, _ in self.reconcile)]))

    @property
    def wanted(self) -> frozenset[str]:
        """The services that somebody wanted to run when it began, also those that could not."""
        return frozenset({*self.running, *self.broken})

    @property
    def ailing(self) -> frozenset[str]:
        """The services that were running or tried to, and that need not come up as they were."""
        damaged = {item.service for item in self.items if self.is_damaged(item)}
        return frozenset(damaged & set(self.running) | set(self.broken))

    @property
    def can_go_back(self) -> bool:
        """Whether the old state is still whole."""
        return self.back or self.step is not Step.TIDY

    def is_damaged(self, item: Item) -> bool:
        """Whether the old one of an item could not be read."""
        return item.target in self.damaged

    def at(self, step: Step) -> Restore:
        """Return it at another step."""
        return replace(self, step=step)

    def turned_back(self) -> Restore:
        """Return it as one that is being taken back."""
        return replace(self, back=True)


def steps_left(restore: Restore) -> tuple[Step, ...]:
    """Return what is still to be done, the step that was begun first: forward to the end, or back to the beginning."""
    place = _ORDER.index(restore.step)
    return _ORDER[place::-1] if restore.back else _ORDER[place:]


def aliases_after(store: Store, restore: str) -> dict[str, str | None]:
    """Return where each alias points when the bundle's collections are in force; None: it goes."""
    gone: dict[str, str | None] = {alias: None for one in store.old for alias in one.aliases}
    return gone | {alias: one.fresh(restore) for one in store.new for alias in one.aliases}


def aliases_before(store: Store) -> dict[str, str | None]:
    """Return where each alias pointed; None: there was none of that name."""
    made: dict[str, str | None] = {alias: None for one in store.new for alias in one.aliases}
    return made | {alias: one.name for one in store.old for alias in one.aliases}


def made_meanwhile(store: Store, restore: str, aliases: Mapping[str, str]) -> tuple[str, ...]:
    """Return the collections behind these aliases that are neither old nor the bundle's: a service has made them."""
    known = {one.name for one in store.old} | {one.fresh(restore) for one in store.new}
    return tuple(sorted(set(aliases.values()) - known))


def superseded(store: Store) -> tuple[str, ...]:
    """Return the old collections that nobody needs when the restore is over."""
    by_name = {one.name for one in store.new if not one.aliases}
    return tuple(one.name for one in store.old if one.name not in by_name)


def format_journal(restore: Restore) -> str:
    """Return the text of the journal."""
    return json.dumps({"schema": _SCHEMA, **asdict(restore)}, indent=2) + "\n"


def parse_journal(text: str) -> Restore:
    """Read a journal back. Raises ValueError for anything else."""
    try:
        found = json.loads(text)
        if found.pop("schema") != _SCHEMA:
            raise ValueError(f"it is not {_SCHEMA}")
        return Restore(
            **found
            | {
                "running": tuple(found["running"]),
                "broken": tuple(found.get("broken", ())),
                "items": tuple(_item(one) for one in found["items"]),
                "stores": tuple(_store(one) for one in found["stores"]),
                "reconcile": tuple((name, url) for name, url in found["reconcile"]),
                "damaged": tuple(found.get("damaged", ())),
                "step": Step(found["step"]),
            }
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as err:
        raise ValueError(f"it lacks something: {err}") from err


def _item(found: dict[str, Any]) -> Item:
    return Item(**found | {"kind": Kind(found["kind"]), "files": tuple(found["files"])})


def _store(found: dict[str, Any]) -> Store:
    new = tuple(Collection(**one | {"aliases": tuple(one["aliases"])}) for one in found["new"])
    old = tuple(OldCollection(one["name"], tuple(one["aliases"])) for one in found["old"])
    return Store(found["service"], found["url"], new, old)
