"""A vector store through Qdrant's REST API: the Qdrant server, or our own on local processes."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aisuite.adapters.qdrant_snapshot import StoredSnapshot
from aisuite.bundle.known_queries import HITS, Hit
from aisuite.bundle.model import CollectionFacts
from aisuite.errors import BackupFailed, DataError, NotRunning, RestoreFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import httpx

_CONNECT = 5.0  # seconds
_PATIENCE = 900.0  # seconds for one answer: a large snapshot is made before it is answered
_SAMPLES = 1000  # points of a collection whose digests are kept
_PAGE = 100  # points in memory at once, with their vectors
_SHOWN = 200  # bytes of what a store says
_EMBEDDED = "-aisuite-embedded"


class QdrantRest:
    """Talks to one store; `key` opens it."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key

    def version(self) -> str:
        """Return its kind and version, as "qdrant 1.15.4"; a snapshot fits the same kind and minor version only."""
        found = self._ask("GET", "/", BackupFailed)
        version = str(found.get("version", "unknown"))
        return f"embedded {version.removesuffix(_EMBEDDED)}" if version.endswith(_EMBEDDED) else f"qdrant {version}"

    def collections(self, *, sampled: bool = True) -> tuple[CollectionFacts, ...]:
        """Describe all collections with their aliases, and samples unless not; `file` and `service` are empty.

        Raises NotRunning, BackupFailed.
        """
        aliases = self._aliases(BackupFailed)
        names = [one["name"] for one in self._result("GET", "/collections", BackupFailed)["collections"]]
        return tuple(
            replace(
                self._describe(name, sampled=sampled),
                aliases=tuple(sorted(alias for alias, target in aliases.items() if target == name)),
            )
            for name in sorted(names)
        )

    def describe(self, collection: str) -> CollectionFacts | None:
        """Describe one collection with samples and without aliases; None when it is not there. Raises BackupFailed."""
        there = self._result("GET", f"/collections/{quote(collection, safe='')}/exists", BackupFailed)["exists"]
        return self._describe(collection, sampled=True) if there else None

    def moment(self, collection: str) -> str | None:
        """Return what the store calls the present state of a collection; None where it calls it nothing."""
        told = self._result("GET", f"/collections/{quote(collection, safe='')}", BackupFailed).get("moment")
        return told if isinstance(told, str) else None

    def _describe(self, name: str, *, sampled: bool) -> CollectionFacts:
        place = f"/collections/{quote(name, safe='')}"
        vectors = self._result("GET", place, BackupFailed)["config"]["params"].get("vectors") or {}
        dense = vectors if "size" in vectors else next(iter(vectors.values()), {})
        points = self._result("POST", f"{place}/points/count", BackupFailed, {"exact": True})["count"]
        return CollectionFacts(
            file="",
            service="",
            name=name,
            aliases=(),
            points=int(points),
            dim=int(dense.get("size", 0)),
            distance=str(dense.get("distance", "")),
            samples=dict(self._sample(place)) if sampled else {},
        )

    def _sample(self, place: str) -> Iterator[tuple[str, str]]:
        """Yield the digests of the points with the lowest ids."""
        body: dict[str, Any] = {"limit": _PAGE, "with_payload": True, "with_vector": True}
        for _ in range(_SAMPLES // _PAGE):
            page = self._result("POST", f"{place}/points/scroll", BackupFailed, body)
            yield from ((str(point["id"]), _digest(point)) for point in page["points"])
            if page["next_page_offset"] is None:
                return
            body["offset"] = page["next_page_offset"]

    def digests(self, collection: str, points: Sequence[str]) -> Mapping[str, str]:
        """Return the digests of these points as `collections` samples them; those that are not there are left out."""
        place, found = f"/collections/{quote(collection, safe='')}/points", {}
        for start in range(0, len(points), _PAGE):
            body = {"ids": _as_ids(points[start : start + _PAGE]), "with_payload": True, "with_vector": True}
            found.update({str(one["id"]): _digest(one) for one in self._result("POST", place, RestoreFailed, body)})
        return found

    def search(self, collection: str, points: Sequence[str], *, exact: bool) -> Mapping[str, tuple[Hit, ...]]:
        """Return what the vector of each of these points finds, the best first; `exact` looks at every point.

        Points that are not there, or have no dense vector, are left out. Raises NotRunning, RestoreFailed.
        """
        place = f"/collections/{quote(collection, safe='')}/points"
        body = {"ids": _as_ids(points), "with_payload": False, "with_vector": True}
        queries = {str(one["id"]): _dense(one) for one in self._result("POST", place, RestoreFailed, body)}
        asked = {point: query for point, query in queries.items() if query is not None}
        common = {"limit": HITS, "params": {"exact": exact}}
        searches = {"searches": [query | common for query in asked.values()]}
        answers = self._result("POST", f"{place}/query/batch", RestoreFailed, searches) if asked else []
        return {
            point: tuple(Hit(str(one["id"]), float(one["score"])) for one in answer["points"])
            for point, answer in zip(asked, answers, strict=True)
        }

    @contextmanager
    def snapshot(self, collection: str) -> Iterator[StoredSnapshot]:
        """Make a snapshot, and remove it from the store at the end of the block. Raises NotRunning, BackupFailed."""
        place = f"/collections/{quote(collection, safe='')}/snapshots"
        made = self._result("POST", f"{place}?wait=true", BackupFailed)
        snapshot = f"{place}/{quote(made['name'], safe='')}"
        try:
            size, moment = int(made.get("size") or 0), made.get("moment")
            yield StoredSnapshot(self._url, self._key, snapshot, size, made.get("checksum"), moment)
        finally:
            self._result("DELETE", f"{snapshot}?wait=true", BackupFailed)

    def snapshots(self, collection: str) -> tuple[str, ...]:
        """Return the names of the snapshots that lie in the store, oldest first. Raises NotRunning, BackupFailed."""
        found = self._result("GET", f"/collections/{quote(collection, safe='')}/snapshots", BackupFailed)
        return tuple(one["name"] for one in sorted(found, key=lambda one: one["creation_time"] or ""))

    def remove_snapshot(self, collection: str, snapshot: str) -> None:
        """Remove a snapshot from the store. Raises NotRunning, BackupFailed."""
        place = f"/collections/{quote(collection, safe='')}/snapshots/{quote(snapshot, safe='')}"
        self._result("DELETE", f"{place}?wait=true", BackupFailed)

    def upload(self, snapshot: Path, collection: str) -> None:
        """Make a new collection from a snapshot. Raises NotRunning, RestoreFailed."""
        with snapshot.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            # Without a priority, Qdrant may prefer the empty collection that it makes for the snapshot.
            place = f"/collections/{quote(collection, safe='')}/snapshots/upload"
            place += f"?priority=snapshot&wait=true&checksum={checksum}"
            with self._open(place, RestoreFailed) as client:
                response = client.post(place, files={"snapshot": (snapshot.name, file)})
        self._parse(response, RestoreFailed)

    def remove(self, collection: str) -> None:
        """Delete a collection; fine when it is not there. Raises NotRunning, RestoreFailed."""
        place = f"/collections/{quote(collection, safe='')}"
        with self._open(place, RestoreFailed) as client:
            response = client.delete(place)
        if response.status_code != 404:
            self._parse(response, RestoreFailed)

    def collections_by_alias(self) -> Mapping[str, str]:
        """Return the collection behind each alias. Raises NotRunning, RestoreFailed."""
        return self._aliases(RestoreFailed)

    def switch(self, aliases: Mapping[str, str | None]) -> None:
        """Point aliases to collections (None: remove the alias), all in one request. Raises NotRunning, RestoreFailed.

        Aliases that are as they shall be are left alone.
        """
        there = self._aliases(RestoreFailed)
        actions: list[dict[str, Any]] = []
        for alias, target in aliases.items():
            if there.get(alias) == target:
                continue
            if alias in there:
                actions.append({"delete_alias": {"alias_name": alias}})
            if target is not None:
                actions.append({"create_alias": {"alias_name": alias, "collection_name": target}})
        if actions:
            self._result("POST", "/collections/aliases", RestoreFailed, {"actions": actions})

    def _aliases(self, error: type[DataError]) -> dict[str, str]:
        found = self._result("GET", "/aliases", error)["aliases"]
        return {one["alias_name"]: one["collection_name"] for one in found}

    def _result(self, method: str, place: str, error: type[DataError], body: Any = None) -> Any:
        return self._ask(method, place, error, body)["result"]

    def _ask(self, method: str, place: str, error: type[DataError], body: Any = None) -> Any:
        with self._open(place, error) as client:
            return self._parse(client.request(method, place, json=body), error)

    def _parse(self, response: httpx.Response, error: type[DataError]) -> Any:
        if response.is_error:
            raise error(self._refused(response), "aisuite logs")
        try:
            return response.json()
        except ValueError as err:
            raise error(f"{self._url} does not speak Qdrant's API: {response.text[:_SHOWN]!r}") from err

    def _refused(self, response: httpx.Response) -> str:
        try:
            why = response.json()["status"]["error"]
        except (ValueError, KeyError, TypeError):
            why = response.text[:_SHOWN]
        return f"the vector store at {self._url} refused {response.request.url.path}: {response.status_code} {why}"

    @contextmanager
    def _open(self, place: str, error: type[DataError]) -> Iterator[httpx.Client]:
        import ssl

        import httpx

        options: dict[str, Any] = {
            "base_url": self._url,
            "headers": {"api-key": self._key},
            "timeout": httpx.Timeout(_PATIENCE, connect=_CONNECT),
            "trust_env": False,  # it is on this machine, whatever proxy the environment names
            "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # not used: the usual one reads many certificates
        }
        try:
            with httpx.Client(**options) as client:
                yield client
        except httpx.ConnectError as err:
            raise NotRunning(f"nothing answers at {self._url}: the vector store is not running", "aisuite up") from err
        except httpx.HTTPError as err:
            what = place.partition("?")[0]
            raise error(f"the vector store at {self._url} broke off at {what}: {type(err).__name__}: {err}") from err


def _digest(point: Mapping[str, Any]) -> str:
    """Return a digest of what a point holds, in whichever order its keys come."""
    held = {"payload": point.get("payload") or {}, "vector": point.get("vector")}
    return hashlib.sha256(json.dumps(held, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _as_ids(points: Sequence[str]) -> list[int | str]:
    return [int(one) if one.isdecimal() else one for one in points]


def _dense(point: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the query that looks for a point's first dense vector."""
    held = point.get("vector")
    if isinstance(held, list):
        return {"query": held}
    named = [(name, vector) for name, vector in sorted((held or {}).items()) if isinstance(vector, list)]
    return {"query": named[0][1], **({"using": named[0][0]} if named[0][0] else {})} if named else None
