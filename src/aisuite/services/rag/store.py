"""Collections and their chunks in Qdrant, over its REST API.

A collection has two vectors per chunk: `dense` (cosine, as long as the embedding model makes them) and `sparse`
(weighed by rarity in the store). The name of the embedding model stands in every chunk's payload.

A collection's name is an alias of the collection that was made for it, so that another can take its place at once.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from aisuite.services.common import ServiceError
from aisuite.services.rag.sparse import SparseVector
from aisuite.services.rag.upstream import Refused, Retry, Upstream

DENSE = "dense"
SPARSE = "sparse"
_INDEXED = {"document_id": "keyword", "chunk": "integer", "source": "keyword"}
_SCROLL_PAGE = 1000
# What stands behind a name, made by us or by a restore; it is not a name of its own.
_BEHIND_ALIAS = re.compile(r"__r?\d{8}T\w+$")
# How deep each of the two searches looks before their ranks are fused.
_CANDIDATES = 12
_CANDIDATES_PER_HIT = 3

T = TypeVar("T")
Payload = dict[str, Any]
Filter = dict[str, Any]


class ForeignCollection(ServiceError):
    """The collection was made by another service, whose data is not ours to touch."""

    def __init__(self, name: str) -> None:
        message = f"collection {name!r} was not made by this service; choose another name"
        super().__init__(409, message, code="foreign_collection", param="collection")


@dataclass(frozen=True)
class Point:
    """A chunk as it is stored."""

    id: str
    dense: Sequence[float]
    sparse: SparseVector
    payload: Payload


@dataclass(frozen=True)
class Collection:
    """What a collection was made for; `model` is None while it is empty, `space` also in older ones."""

    name: str
    dim: int
    chunks: int
    model: str | None
    space: str | None = None


@dataclass(frozen=True)
class Find:
    """How many chunks to find, which of them may be found, and how alike a question they must be at least."""

    limit: int
    chosen: Filter
    min_score: float
    with_vectors: bool = False


class Scored(BaseModel):
    """A chunk that was found; its dense vector only where it was asked for."""

    id: str | int
    score: float
    payload: Payload
    vector: dict[str, Any] | None = None


@dataclass(frozen=True)
class Found:
    """What one search found by meaning and by words, each best first."""

    dense: list[Scored]
    sparse: list[Scored]


class Record(BaseModel):
    """A stored chunk without its vectors."""

    payload: Payload


class _Answer(BaseModel, Generic[T]):
    result: T


class _Params(BaseModel):
    vectors: dict[str, Any] = {}
    sparse_vectors: dict[str, Any] | None = None


class _Config(BaseModel):
    params: _Params


class _Info(BaseModel):
    config: _Config
    points_count: int | None = None


class _Name(BaseModel):
    name: str


class _Names(BaseModel):
    collections: list[_Name]


class _Alias(BaseModel):
    alias_name: str
    collection_name: str


class _Aliases(BaseModel):
    aliases: list[_Alias]


class _Hits(BaseModel):
    points: list[Scored]


class _Page(BaseModel):
    points: list[Record]
    next_page_offset: str | int | None = None


class _Count(BaseModel):
    count: int


def all_of(**fields: object) -> Filter:
    """Match chunks by payload fields: a value, one of a list, or a range (a dict); without fields, all chunks."""
    return {"must": [_condition(key, value) for key, value in fields.items()]}


def _condition(key: str, value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"key": key, "range": value}
    return {"key": key, "match": {"any": value} if isinstance(value, list) else {"value": value}}


def any_of(filters: Sequence[Filter]) -> Filter:
    """Match chunks that at least one of some filters matches."""
    return {"should": list(filters)}


class VectorStore:
    """The chunks of all collections. Every call raises the errors of `Upstream`, after trying again as told."""

    def __init__(self, qdrant: Upstream, retry: Retry) -> None:
        self._qdrant = qdrant
        self._retry = retry

    async def names(self) -> list[str]:
        """List all collections by the name they are asked for, also those of other services."""
        aliases = await self.aliases()
        answer = await self._call("GET", "/collections")
        found = self._qdrant.understand(_Answer[_Names], answer.content).result.collections
        plain = {one.name for one in found if not _BEHIND_ALIAS.search(one.name)}
        return sorted({*aliases, *(plain - set(aliases.values()))})

    async def aliases(self) -> dict[str, str]:
        """Map the names of collections to the collections behind them."""
        answer = await self._call("GET", "/aliases")
        found = self._qdrant.understand(_Answer[_Aliases], answer.content).result.aliases
        return {one.alias_name: one.collection_name for one in found}

    async def find(self, name: str) -> Collection | None:
        """Look a collection up. Raises `ForeignCollection`."""
        try:
            answer = await self._call("GET", _path(name))
        except Refused as err:
            if err.upstream_status == 404:
                return None
            raise
        info = self._qdrant.understand(_Answer[_Info], answer.content).result
        params = info.config.params
        dense = params.vectors.get(DENSE)
        if not isinstance(dense, Mapping) or SPARSE not in (params.sparse_vectors or {}):
            raise ForeignCollection(name)
        first = await self._scroll(name, {}, 1, None, ["embedding_model", "embedding_space"])
        made = first.points[0].payload if first.points else {}
        chunks = info.points_count or 0
        return Collection(name, int(dense["size"]), chunks, made.get("embedding_model"), made.get("embedding_space"))

    async def create(self, name: str, dim: int) -> None:
        """Make a collection with its payload indexes, and give it its name once it is whole."""
        behind = f"{name}__{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        body = {
            "vectors": {DENSE: {"size": dim, "distance": "Cosine"}},
            "sparse_vectors": {SPARSE: {"modifier": "idf"}},
        }
        try:
            await self._call("PUT", _path(behind), body)
        except Refused as err:
            if err.upstream_status != 409:  # the answer to the first try was lost
                raise
        for field, schema in _INDEXED.items():
            index = {"field_name": field, "field_schema": schema}
            await self._call("PUT", _path(behind, "index?wait=true"), index)
        alias = {"create_alias": {"collection_name": behind, "alias_name": name}}
        await self._call("POST", "/collections/aliases", {"actions": [alias]})

    async def drop(self, name: str) -> None:
        """Delete a collection; its alias goes with it."""
        await self._call("DELETE", _path((await self.aliases()).get(name, name)))

    async def upsert(self, name: str, points: Iterable[Point]) -> None:
        """Store chunks; those with the same ids are replaced. They can be found when this returns."""
        written = [
            {
                "id": point.id,
                "vector": {DENSE: point.dense, SPARSE: point.sparse._asdict()},
                "payload": point.payload,
            }
            for point in points
        ]
        await self._call("PUT", _path(name, "points?wait=true"), {"points": written})

    async def delete(self, name: str, chosen: Filter) -> None:
        """Delete the chunks that a filter matches."""
        body = {"filter": chosen}
        await self._call("POST", _path(name, "points/delete?wait=true"), body)

    async def count(self, name: str, chosen: Filter) -> int:
        """Count the chunks that a filter matches."""
        body = {"filter": chosen, "exact": True}
        answer = await self._call("POST", _path(name, "points/count"), body)
        return self._qdrant.understand(_Answer[_Count], answer.content).result.count

    async def payloads(self, name: str, chosen: Filter, fields: Sequence[str]) -> list[Payload]:
        """Read some payload fields of all chunks that a filter matches."""
        return [payload async for payload in self.each_payload(name, chosen, fields)]

    async def each_payload(self, name: str, chosen: Filter, fields: Sequence[str]) -> AsyncGenerator[Payload]:
        """Read as `payloads` does, a page at a time."""
        offset: str | int | None = None
        while True:
            page = await self._scroll(name, chosen, _SCROLL_PAGE, offset, fields)
            for record in page.points:
                yield record.payload
            offset = page.next_page_offset
            if offset is None:
                return

    async def search(self, name: str, dense: Sequence[float] | None, sparse: SparseVector | None, find: Find) -> Found:
        """Find chunks by meaning and by words, whichever is given."""
        depth = {"limit": max(_CANDIDATES, find.limit * _CANDIDATES_PER_HIT)}
        chosen = {"filter": find.chosen} if any(find.chosen.values()) else {}  # an empty one is tried on every chunk
        asked = depth | chosen | {"with_payload": True, "with_vector": [DENSE] if find.with_vectors else False}
        searches: list[dict[str, Any]] = []
        if dense is not None:
            searches.append({"query": dense, "using": DENSE, "score_threshold": find.min_score, **asked})
        if sparse is not None and sparse.indices:
            searches.append({"query": sparse._asdict(), "using": SPARSE, **asked})
        if not searches:
            return Found([], [])
        answer = await self._call("POST", _path(name, "points/query/batch"), {"searches": searches})
        hits = [one.points for one in self._qdrant.understand(_Answer[list[_Hits]], answer.content).result]
        by_meaning = hits.pop(0) if dense is not None else []
        return Found(by_meaning, hits.pop() if hits else [])

    async def _call(self, method: str, path: str, body: object = None) -> httpx.Response:
        return await self._qdrant.call(method, path, body, retry=self._retry)

    async def _scroll(
        self, name: str, chosen: Filter, limit: int, offset: str | int | None, fields: Sequence[str]
    ) -> _Page:
        body = {"filter": chosen, "limit": limit, "offset": offset, "with_payload": list(fields), "with_vector": False}
        answer = await self._call("POST", _path(name, "points/scroll"), body)
        return self._qdrant.understand(_Answer[_Page], answer.content).result


def _path(name: str, rest: str = "") -> str:
    return f"/collections/{quote(name, safe='')}" + (f"/{rest}" if rest else "")
