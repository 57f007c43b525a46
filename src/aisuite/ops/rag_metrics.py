"""How good a search is: the usual figures, over documents ranked best first.

Relevance is binary. nDCG is that of Järvelin and Kekäläinen 2002 (doi:10.1145/582415.582418), with a discount of
log2(rank + 1).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

_DEPTH = 10
_CITATION = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question.

    `expected` is empty for a question that has no answer. `ranked` are the documents found, each once, best first.
    `passages` is the share of key passages that stand in the first chunks. `citations` tells for each citation of
    the answer whether it was right; None when no answer was asked for. `refused`: no answer would be given from it.
    """

    expected: frozenset[str]
    ranked: tuple[str, ...]
    passages: float = 0.0
    citations: tuple[bool, ...] | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over questions, 0 to 1; None where there is nothing to take a mean of.

    `refused` is the share of questions that would not be answered: right where there is no answer, else wrong.
    `cited` is the share of answers with at least one right citation, `citations` that of citations which are right.
    """

    questions: int
    recall_1: float | None
    recall_5: float | None
    mrr: float | None
    ndcg_10: float | None
    passages: float | None
    refused: float
    cited: float | None
    citations: float | None


def recall(expected: Collection[str], ranked: Sequence[str], depth: int) -> float:
    """Return the share of expected documents among the first `depth`."""
    return len(set(expected) & set(ranked[:depth])) / len(expected)


def reciprocal_rank(expected: Collection[str], ranked: Sequence[str]) -> float:
    """Return 1 / rank of the first expected document; 0 without one."""
    return next((1 / rank for rank, document in enumerate(ranked, 1) if document in expected), 0.0)


def ndcg(expected: Collection[str], ranked: Sequence[str], depth: int = _DEPTH) -> float:
    """Return the discounted gain of the first `depth` documents over that of the best order."""
    gain = sum(1 / math.log2(rank + 1) for rank, document in enumerate(ranked[:depth], 1) if document in expected)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(depth, len(expected)) + 1))
    return gain / best


def judge_citations(answer: str, sources: Mapping[int, str], expected: Collection[str]) -> tuple[bool, ...]:
    """Tell for each number cited in an answer, like [1] or [1, 2], whether its source is an expected document."""
    numbers = [int(number) for group in _CITATION.findall(answer) for number in group.split(",")]
    return tuple(sources.get(number) in expected for number in dict.fromkeys(numbers))


def summarize(outcomes: Sequence[Outcome]) -> Scores:
    """Take the means over at least one question; those without an answer count only for `refused`."""
    known = [one for one in outcomes if one.expected]
    answered = [one.citations for one in known if one.citations is not None]
    return Scores(
        questions=len(outcomes),
        recall_1=_mean(recall(one.expected, one.ranked, 1) for one in known),
        recall_5=_mean(recall(one.expected, one.ranked, 5) for one in known),
        mrr=_mean(reciprocal_rank(one.expected, one.ranked) for one in known),
        ndcg_10=_mean(ndcg(one.expected, one.ranked) for one in known),
        passages=_mean(one.passages for one in known),
        refused=sum(one.refused for one in outcomes) / len(outcomes),
        cited=_mean(any(citations) for citations in answered),
        citations=_mean(right for citations in answered for right in citations),
    )


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return math.fsum(listed) / len(listed) if listed else None
