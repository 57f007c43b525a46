"""Two rankings made one, and a ranking made diverse.

Fusion is by reciprocal rank (Cormack, Clarke and Büttcher 2009, doi:10.1145/1571941.1572114) with a small constant, as
only the first few count here; diversity is by maximal marginal relevance (Carbonell and Goldstein 1998,
doi:10.1145/290941.291025). Equal scores are ordered by id: the same question always gets the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

_RANK_CONSTANT = 2


def fuse(rankings: Sequence[Sequence[str]], weights: Sequence[float]) -> dict[str, float]:
    """Give each id its fused score, best first; the first of all rankings has 1."""
    whole = sum(weights) / _RANK_CONSTANT
    scores: dict[str, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, name in enumerate(ranking):
            scores[name] = scores.get(name, 0.0) + weight / (_RANK_CONSTANT + rank) / whole
    return dict(sorted(scores.items(), key=lambda scored: (-scored[1], scored[0])))


def diversify(
    scores: Mapping[str, float], vectors: Mapping[str, Sequence[float]], diversity: float, count: int
) -> list[str]:
    """Choose ids one by one, each as good as possible (0) or as unlike those before as possible (1)."""
    unit = {name: _to_unit(vector) for name, vector in vectors.items()}
    left, chosen = list(scores), list[str]()
    likeness = dict.fromkeys(left, 0.0)
    while left and len(chosen) < count:
        best = max(left, key=lambda name: (1 - diversity) * scores[name] - diversity * likeness[name])
        chosen.append(best)
        left.remove(best)
        for name in left:
            likeness[name] = max(likeness[name], _dot(unit[name], unit[best]))
    return chosen


def _to_unit(vector: Sequence[float]) -> list[float]:
    length = sqrt(_dot(vector, vector)) or 1.0
    return [value / length for value in vector]


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
