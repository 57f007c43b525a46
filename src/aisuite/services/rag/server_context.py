"""How much the model servers can really take in, as they tell themselves (llama-server's `/props`)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from pydantic import BaseModel, Field

from aisuite.services.common import ServiceError
from aisuite.services.rag.upstream import PROBE, Upstream

_REMEMBERED_SECONDS = 60.0
_TIMEOUT_SECONDS = 2.0


class _Settings(BaseModel):
    n_ctx: int = Field(ge=1)


class _Props(BaseModel):
    default_generation_settings: _Settings


class ServerContext:
    """Ask the servers behind the gateway; any of them may get a question, so the smallest context counts."""

    def __init__(self, servers: Sequence[Upstream]) -> None:
        self._servers = servers
        self._tokens: int | None = None
        self._asked = -_REMEMBERED_SECONDS

    async def tokens(self) -> int | None:
        """Give the tokens that a prompt with its answer may have; None when no server tells."""
        if self._servers and time.monotonic() - self._asked >= _REMEMBERED_SECONDS:
            told = await asyncio.gather(*(_ask(server) for server in self._servers))
            self._tokens = min((tokens for tokens in told if tokens is not None), default=self._tokens)
            self._asked = time.monotonic()
        return self._tokens


async def _ask(server: Upstream) -> int | None:
    try:
        answer = await server.call("GET", "/props", retry=PROBE, timeout=_TIMEOUT_SECONDS)
        return server.understand(_Props, answer.content).default_generation_settings.n_ctx
    except ServiceError:
        return None
