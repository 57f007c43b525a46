"""The backend in use: opened in the background, asked in batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from time import monotonic

from prometheus_client import Counter

from aisuite.services.common import Metrics
from aisuite.services.embedding.backend import Backend, BackendFailed, Embedded, Kind, ModelCard, ModelUnready, Opener
from aisuite.services.embedding.batcher import Batcher
from aisuite.services.embedding.known_models import reads_english_only

_PAUSE = 2.0  # seconds between tries to open a model
_STATE_AGE = 1.0  # seconds that a state is good for: probes cost nothing
_LOADING = "it is being loaded"

_log = logging.getLogger("aisuite.services.embedding")


class Engine:
    """One model, whose texts share batches."""

    def __init__(self, opener: Opener, batch: int, queue: int, metrics: Metrics) -> None:
        self._opener = opener
        self._backend: Backend | None = None
        self._state = (float("-inf"), _LOADING)
        self._batcher = Batcher(lambda texts: self.backend.embed(texts), batch, queue, metrics)
        self._texts = Counter("embedding_texts", "Embedded texts.", registry=metrics.registry)
        self._tokens = Counter("embedding_tokens", "Tokens of embedded texts.", registry=metrics.registry)
        self._cut = Counter("embedding_truncated_texts", "Texts cut at the model's limit.", registry=metrics.registry)

    @property
    def backend(self) -> Backend:
        """The opened backend. Raises `BackendFailed` until there is one."""
        if self._backend is None:
            raise BackendFailed(self._state[1])
        return self._backend

    @property
    def card(self) -> ModelCard:
        """What the model is. Raises `BackendFailed` until it is loaded."""
        return self.backend.card

    async def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
        """Give one vector per text. Raises `BackendFailed`, `Overloaded`."""
        embedded = self.embed_at_once(texts, kind)
        if embedded is None:
            embedded = self._counted(await self._batcher.embed(self._prefixed(texts, kind)))
        return embedded

    def embed_at_once(self, texts: Sequence[str], kind: Kind) -> Embedded | None:
        """Give one vector per text, or None where that takes longer than waiting for a turn. Raises `BackendFailed`."""
        backend = self.backend
        if sum(map(len, texts)) > backend.quick_chars:
            return None
        return self._counted(backend.embed(self._prefixed(texts, kind)))

    def _prefixed(self, texts: Sequence[str], kind: Kind) -> Sequence[str]:
        prefix = self.card.prefix(kind)
        return [prefix + text for text in texts] if prefix else texts

    def _counted(self, embedded: Embedded) -> Embedded:
        self._texts.inc(len(embedded.vectors))
        self._tokens.inc(sum(embedded.tokens))
        self._cut.inc(len(embedded.truncated))
        return embedded

    async def count(self, texts: Sequence[str], kind: Kind) -> list[int]:
        """Count the tokens of each text behind its prefix. Raises `BackendFailed`."""
        return await asyncio.to_thread(self.backend.count, self._prefixed(texts, kind))

    async def state(self) -> str:
        """Return "ok", or why nothing can be embedded now."""
        asked, state = self._state
        if self._backend is not None and monotonic() - asked > _STATE_AGE:
            state = await asyncio.to_thread(self._backend.state)
            self._state = (monotonic(), state)
        return state

    def open(self) -> None:
        """Open the backend now. Raises `ModelUnready`."""
        backend = self._opener()
        card = backend.card
        if reads_english_only(card.model):
            _log.warning("%s was made for English only: texts in other languages will hardly be found", card.model)
        _log.info("%s of %s is ready: %d numbers for each text", card.model, card.backend, card.dim)
        self._backend = backend

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open the backend in the background, if it is not open, trying again until it works; close it in the end."""
        opening = asyncio.create_task(self._keep_opening())
        try:
            yield
        finally:
            opening.cancel()
            with suppress(asyncio.CancelledError):
                await opening
            self._batcher.close()
            if self._backend is not None:
                self._backend.close()

    async def _keep_opening(self) -> None:
        while self._backend is None:
            try:
                await asyncio.to_thread(self.open)
            except ModelUnready as err:
                if str(err) != self._state[1]:
                    _log.warning("the model is not ready: %s", err)
                self._state = (self._state[0], str(err))
                await asyncio.sleep(_PAUSE)
