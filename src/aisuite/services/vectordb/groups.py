"""Queries whose results are grouped by a payload key."""

from __future__ import annotations

from typing import Annotated, Any

import qdrant_edge as edge
from pydantic import Field

from aisuite.services.vectordb.collection import Collection
from aisuite.services.vectordb.queries import QueryReader, with_payload, with_vector
from aisuite.services.vectordb.query_shapes import PrefetchJson, QueryJson
from aisuite.services.vectordb.reading import point_json, scored_json
from aisuite.services.vectordb.scoring import FindSource
from aisuite.services.vectordb.wire import Unsupported

DEFAULT_GROUPS = 10
DEFAULT_GROUP_SIZE = 3
_GROWTH = 4

Groups = dict[str | int, list[edge.ScoredPoint]]


class GroupQuery(PrefetchJson):
    """The body of `POST .../points/query/groups`; `limit` counts groups."""

    group_by: Annotated[str, Field(min_length=1, pattern=r"^[\w\-.]+(\[\])?$")]
    group_size: Annotated[int, Field(ge=1, le=10_000)] | None = None
    with_vector: Any = None
    with_payload: Any = None
    with_lookup: Unsupported = None
    shard_key: Unsupported = None

    def answer(self, collection: Collection, find: FindSource) -> dict[str, Any]:
        """Give the best groups, each with its best points."""
        wanted = self.limit or DEFAULT_GROUPS
        groups = self._fill(collection, find, wanted)
        shown = self._shown(collection, [point for points in groups.values() for point in points])
        return {
            "groups": [
                {"id": key, "hits": [{**scored_json(point), **shown.get(point.id, {})} for point in points]}
                for key, points in groups.items()
            ]
        }

    def _fill(self, collection: Collection, find: FindSource, wanted: int) -> Groups:
        """Ask for more and more points until the groups are full or the collection is exhausted."""
        size = self.group_size or DEFAULT_GROUP_SIZE
        total = collection.points_at_most()
        limit = min(total, wanted * size)
        reader = QueryReader(find, total)
        while True:
            request = reader.request(self._query(limit))
            points = collection.read(lambda shard, request=request: shard.query(request))  # type: ignore[misc]
            groups = _group(points, self.group_by.removesuffix("[]"), wanted, size)
            full = len(groups) == wanted and all(len(members) == size for members in groups.values())
            if full or limit >= total or len(points) < limit:
                return groups
            limit = min(total, limit * _GROWTH)

    def _query(self, limit: int) -> QueryJson:
        shared = {name: getattr(self, name) for name in PrefetchJson.model_fields if name != "limit"}
        return QueryJson.model_construct(
            **shared, limit=max(1, limit), offset=None, with_payload=[self.group_by], with_vector=None
        )

    def _shown(self, collection: Collection, points: list[edge.ScoredPoint]) -> dict[Any, dict[str, Any]]:
        """Read what was asked to be shown; the query itself fetched only the key."""
        payload, vector = with_payload(self.with_payload), with_vector(self.with_vector)
        ids = list({point.id for point in points})
        records = collection.read(lambda shard: shard.retrieve(ids, payload, vector))
        return {record.id: {"payload": None, **point_json(record)} for record in records}


def _group(points: list[edge.ScoredPoint], path: str, wanted: int, size: int) -> Groups:
    """Sort points, best first, into at most that many groups of at most that size."""
    groups: Groups = {}
    for point in points:
        for key in _values(point.payload, path):
            if key in groups or len(groups) < wanted:
                members = groups.setdefault(key, [])
                if len(members) < size and point not in members:
                    members.append(point)
    return groups


def _values(payload: Any, path: str) -> list[str | int]:
    """Give the strings and integers at a path; a list there puts the point into several groups."""
    found = [payload]
    for part in path.split("."):
        found = [holder[part] for holder in found if isinstance(holder, dict) and part in holder]
        found = [item for value in found for item in (value if isinstance(value, list) else [value])]
    return [value for value in found if isinstance(value, str | int) and not isinstance(value, bool)]
