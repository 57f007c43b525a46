"""Queries whose answers are known: what points are nearest to a point that was compared with the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

QUERIES = 20  # of one collection
HITS = 10  # of one query
ENOUGH = 0.5  # share of the hits: an index of neighbours may miss a fifth of unrelated ones, a broken one nearly all
_ALIKE = 1e-4  # difference of two scores that were computed in another order


@dataclass(frozen=True, slots=True)
class Hit:
    """One point that a query has found."""

    point: str
    score: float


def choose_queries(points: Sequence[str]) -> tuple[str, ...]:
    """Return some of these points, spread evenly."""
    return tuple(sorted(points)[:: max(1, -(-len(points) // QUERIES))])


def share_found(found: Mapping[str, Sequence[Hit]], exact: Mapping[str, Sequence[Hit]]) -> float:
    """Return which share of the hits of exact searches was found, or one as good instead; 1.0 without any.

    Both are by query, the best hit first.
    """
    pairs = [(hit, found.get(query, ())) for query, hits in exact.items() for hit in hits]
    return sum(_is_among(hit, hits) for hit, hits in pairs) / len(pairs) if pairs else 1.0


def _is_among(hit: Hit, hits: Sequence[Hit]) -> bool:
    if any(one.point == hit.point for one in hits):
        return True
    # Points with the same vector share the last places, and which of them gets one is chance.
    return len(hits) == HITS and abs(hits[-1].score - hit.score) <= _ALIKE
