"""When an optimization is worth its copy of the shard."""

from __future__ import annotations

import qdrant_edge as edge

from aisuite.services.vectordb.schema import CollectionSchema

QUIET_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
# The share of all points that must be new. Each search compares the new ones one by one: 10,000 of 100,000 double its
# time. But the index is built from all points, and while a load lasts there will soon be more of them.
SHARE_AT_REST = 0.02
SHARE_UNDER_LOAD = 0.1


class Pending:
    """Count the points changed since the last optimization."""

    def __init__(self, threshold: int, points: int) -> None:
        self._threshold = threshold
        self.points = points
        self._first = self._last = 0.0

    def add(self, points: int, now: float) -> None:
        """Count a write."""
        if self.points == 0:
            self._first = now
        self.points += points
        self._last = now

    def is_due(self, now: float, in_all: int) -> bool:
        """Tell whether enough of all points have changed, and a bulk load is over or has lasted long."""
        if self.points < self._threshold:
            return False
        if now - self._last >= QUIET_SECONDS:
            return self.points >= SHARE_AT_REST * in_all
        return now - self._first >= PATIENCE_SECONDS and self.points >= SHARE_UNDER_LOAD * in_all

    def clear(self) -> None:
        """Start anew."""
        self.points = 0


def unindexed_points(shard: edge.EdgeShard, schema: CollectionSchema) -> int:
    """Count the points whose dense vectors are compared one by one; sparse ones count as indexed to the engine."""
    info = shard.info()
    vectors = info.points_count * (len(schema.vectors) + len(schema.sparse))
    unindexed = max(0, vectors - info.indexed_vectors_count)
    return int(unindexed) // max(1, len(schema.vectors))
