"""A vector store in memory; its snapshots are JSON files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

from aisuite.bundle.known_queries import Hit
from aisuite.bundle.model import CollectionFacts
from aisuite.errors import BackupFailed, RestoreFailed


@dataclass(frozen=True)
class FakeSnapshot:
    """A snapshot that is whatever it holds."""

    content: bytes
    moment: str | None

    @property
    def size(self) -> int:
        return len(self.content)

    @contextmanager
    def open(self) -> Iterator[BytesIO]:
        yield BytesIO(self.content)

    def save(self, target: Path) -> None:
        with target.open("xb") as file:
            file.write(self.content)

    def compare(self, sha256: str | None) -> None:
        if hashlib.sha256(self.content).hexdigest() != sha256:
            raise BackupFailed("the snapshot was damaged on its way")


@dataclass
class FakeVectorStore:
    """`points` of each collection by id; `on_snapshot` happens when a snapshot was made.

    A search finds the point itself; one that is `forgetful` finds nothing by its index.
    """

    points: dict[str, dict[str, str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    dim: int = 4
    kind: str = "embedded 1.20.0"
    on_snapshot: Callable[[], object] = lambda: None
    forgetful: bool = False
    names_moments: bool = True
    kept: list[tuple[str, str]] = field(default_factory=list)  # snapshots: collection and name
    calls: list[str] = field(default_factory=list)

    def version(self) -> str:
        return self.kind

    def collections(self, *, sampled: bool = True) -> tuple[CollectionFacts, ...]:
        return tuple(
            replace(
                self._describe(name, held, sampled=sampled),
                aliases=tuple(sorted(alias for alias, target in self.aliases.items() if target == name)),
            )
            for name, held in sorted(self.points.items())
        )

    def _describe(self, name: str, held: dict[str, str], *, sampled: bool) -> CollectionFacts:
        samples = dict(held) if sampled else {}
        return CollectionFacts("", "", name, (), len(held), self.dim, "Cosine", samples)

    def describe(self, collection: str) -> CollectionFacts | None:
        held = self.points.get(collection)
        return None if held is None else self._describe(collection, held, sampled=True)

    def moment(self, collection: str) -> str | None:
        return str(self.points[collection]) if self.names_moments else None

    def digests(self, collection: str, points: Sequence[str]) -> Mapping[str, str]:
        held = self.points[self.aliases.get(collection, collection)]
        return {one: held[one] for one in points if one in held}

    def search(self, collection: str, points: Sequence[str], *, exact: bool) -> Mapping[str, tuple[Hit, ...]]:
        held = self.points[self.aliases.get(collection, collection)]
        if self.forgetful and not exact:
            return {one: () for one in points if one in held}
        return {one: (Hit(one, 1.0),) for one in points if one in held}

    @contextmanager
    def snapshot(self, collection: str) -> Iterator[FakeSnapshot]:
        self.calls.append(f"snapshot {collection}")
        if collection not in self.points:
            raise BackupFailed(f"no collection {collection}")
        snapshot = FakeSnapshot(json.dumps(self.points[collection]).encode(), self.moment(collection))
        name = f"{collection}-{len(self.calls)}"
        self.kept.append((collection, name))
        self.on_snapshot()
        yield snapshot
        self.kept.remove((collection, name))
        self.calls.append(f"forget snapshot of {collection}")

    def snapshots(self, collection: str) -> tuple[str, ...]:
        return tuple(name for of, name in self.kept if of == collection)

    def remove_snapshot(self, collection: str, snapshot: str) -> None:
        self.calls.append(f"remove snapshot {snapshot}")
        self.kept.remove((collection, snapshot))

    def upload(self, snapshot: Path, collection: str) -> None:
        self.calls.append(f"upload {collection}")
        try:
            self.points[collection] = json.loads(snapshot.read_text())
        except ValueError as err:
            raise RestoreFailed(f"{snapshot} is no snapshot") from err

    def remove(self, collection: str) -> None:
        self.calls.append(f"remove {collection}")
        self.points.pop(collection, None)
        self.aliases = {alias: target for alias, target in self.aliases.items() if target != collection}

    def collections_by_alias(self) -> Mapping[str, str]:
        return dict(self.aliases)

    def switch(self, aliases: Mapping[str, str | None]) -> None:
        self.calls.append("switch")
        for alias, target in aliases.items():
            self.aliases.pop(alias, None)
            if target is not None:
                self.aliases[alias] = target
