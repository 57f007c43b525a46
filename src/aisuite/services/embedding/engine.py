"""The backend in use, called so that a big batch does not hold up everyone else."""

from __future__ import annotations

from collections.abc import Sequence

from anyio import CapacityLimiter, to_thread
from prometheus_client import Counter

from aisuite.services.common import Metrics, StartError
from aisuite.services.embedding.backend import Backend, Embedded, Kind
from aisuite.services.embedding.hashing import HashBackend
from aisuite.services.embedding.settings import EmbeddingSettings

_QUICK_CHARS = 20_000  # a few milliseconds of work: less than a thread's turn would cost


class UnknownModel(StartError):
    """The backend has no model of the configured name."""

    exit_code = 2


def open_backend(settings: EmbeddingSettings) -> Backend:
    """Load the configured model. Raises `UnknownModel`."""
    backend = HashBackend()
    if settings.embedding_model != backend.model:
        raise UnknownModel(
            f"EMBEDDING_MODEL={settings.embedding_model!r} is not a model of EMBEDDING_BACKEND=hash; "
            f"it has {backend.model}"
        )
    return backend


class Engine:
    """Embed batches: short ones at once, long ones one after another in a thread."""

    def __init__(self, backend: Backend, metrics: Metrics) -> None:
        self.backend = backend
        self._one_at_a_time = CapacityLimiter(1)
        self._texts = Counter("embedding_texts", "Embedded texts.", registry=metrics.registry)
        self._tokens = Counter("embedding_tokens", "Tokens of embedded texts.", registry=metrics.registry)

    async def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
        """Give one vector per text."""
        if sum(map(len, texts)) <= _QUICK_CHARS:
            embedded = self.backend.embed(texts, kind)
        else:
            embedded = await to_thread.run_sync(self.backend.embed, texts, kind, limiter=self._one_at_a_time)
        self._texts.inc(len(texts))
        self._tokens.inc(embedded.tokens)
        return embedded
