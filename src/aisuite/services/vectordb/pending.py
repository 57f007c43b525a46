"""When an optimization is worth its copy of the shard."""

from __future__ import annotations

import qdrant_edge as edge

from aisuite.services.vectordb.schema import CollectionSchema

QUIET_SECONDS = 2.0
PATIENCE_SECONDS = 60.0


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

    def is_due(self, now: float) -> bool:
        """Tell whether enough has changed, and a bulk load is over or has lasted long."""
        rested = now - self._last >= QUIET_SECONDS or now - self._first >= PATIENCE_SECONDS
        return self.points >= self._threshold and rested

    def clear(self) -> None:
        """Start anew."""
        self.points = 0


def unindexed_points(shard: edge.EdgeShard, schema: CollectionSchema) -> int:
    """Count the points whose dense vectors are compared one by one; sparse ones count as indexed to the engine."""
    info = shard.info()
    vectors = info.points_count * (len(schema.vectors) + len(schema.sparse))
    unindexed = max(0, vectors - info.indexed_vectors_count)
    return int(unindexed) // max(1, len(schema.vectors))
