"""What the service measures of itself."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_RECENT = 1000
DOCUMENT_RESULTS = ("indexed", "unchanged", "skipped", "removed")
CACHE_RESULTS = ("hit", "miss", "bypass")
STAGES = ("embed", "search", "rerank", "answer", "cut", "embed_passages", "store")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class StageFigures(NamedTuple):
    """How long a stage took the last thousand times, in milliseconds."""

    runs: int
    p50_ms: float
    p95_ms: float
    worst_ms: float


class Measures:
    """The metrics of one app, and the figures of `/analytics` drawn from them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.stage = Histogram("rag_stage_seconds", "Time by stage.", ("stage",), buckets=_SECONDS, registry=registry)
        self.retrieved = Histogram(
            "rag_retrieved_chunks", "Chunks found per search.", buckets=(0, 1, 2, 4, 8, 16, 32, 50), registry=registry
        )
        self.documents = Counter("rag_index_documents", "Documents by result.", ("result",), registry=registry)
        self.cache = Counter("rag_cache", "Look-ups in the cache of answers by result.", ("result",), registry=registry)
        self.questions = Counter("rag_questions", "Questions by outcome.", ("outcome",), registry=registry)
        self.citations = Counter("rag_citations", "Citations in answers by result.", ("result",), registry=registry)
        self.up = Gauge("dependency_up", "Whether a dependency answered last time.", ("name",), registry=registry)
        self.circuit = Gauge("rag_circuit_open", "Whether a dependency is left alone.", ("name",), registry=registry)
        self._recent: dict[str, deque[float]] = {stage: deque(maxlen=_RECENT) for stage in STAGES}
        for stage in STAGES:
            self.stage.labels(stage)
        for result in DOCUMENT_RESULTS:
            self.documents.labels(result)
        for result in CACHE_RESULTS:
            self.cache.labels(result)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Measure a stage, also one that fails."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - begun
            self.stage.labels(stage).observe(seconds)
            self._recent[stage].append(seconds)

    def watch_dependency(self, name: str, answered: bool, left_alone: bool) -> None:  # noqa: FBT001  see Watch
        """Note how a dependency does."""
        self.up.labels(name).set(answered)
        self.circuit.labels(name).set(left_alone)

    def stages(self) -> dict[str, StageFigures]:
        """Give figures of the latest runs of each stage that has run."""
        return {stage: _figures(sorted(recent)) for stage, recent in self._recent.items() if recent}


def _figures(seconds: list[float]) -> StageFigures:
    last = len(seconds) - 1
    milliseconds = [1000 * seconds[round(last * share)] for share in (0.5, 0.95, 1.0)]
    return StageFigures(len(seconds), *(round(one, 2) for one in milliseconds))
