"""What the service measures of itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

STAGES = ("embed", "search", "rerank", "answer", "read", "cut", "embed_passages", "store")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


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
        for stage in STAGES:
            self.stage.labels(stage)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Measure a stage, also one that fails."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.stage.labels(stage).observe(time.perf_counter() - begun)
