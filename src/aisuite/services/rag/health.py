"""Whether the services that RAG needs can be reached, asked all at once."""

from __future__ import annotations

import asyncio
import time

from aisuite.services.common import OK, ServiceError
from aisuite.services.rag.gateway import Ask, Gateway
from aisuite.services.rag.upstream import PROBE, Upstream

_TIMEOUT_SECONDS = 2.0
_REMEMBERED_SECONDS = 1.0  # probes come often, and from several sides
# A model is asked for one real token at most this often, whoever asks for its health.
_LLM_SECONDS = 10.0
_LLM_TIMEOUT_SECONDS = 30.0


class HealthCheck:
    """Ask each dependency on its cheapest probe; answers hold for a second, so recovery shows by itself."""

    def __init__(self, probes: dict[Upstream, str], gateway: Gateway, chat_model: str) -> None:
        self._probes = probes
        self._gateway = gateway
        self._chat_model = chat_model
        self._lock = asyncio.Lock()
        self._states: dict[str, str] = {}
        self._asked = -_REMEMBERED_SECONDS
        self._llm_lock = asyncio.Lock()
        self._llm_state = ""
        self._llm_asked = -_LLM_SECONDS

    async def states(self, *, llm: bool) -> dict[str, str]:
        """Give "ok" or a reason for each dependency."""
        states = await self._ask_all()
        return states | {"llm": await self._ask_llm()} if llm else states

    async def _ask_all(self) -> dict[str, str]:
        async with self._lock:
            if time.monotonic() - self._asked >= _REMEMBERED_SECONDS:
                names = [upstream.name for upstream in self._probes]
                answers = await asyncio.gather(*(_probe(upstream, path) for upstream, path in self._probes.items()))
                self._states = dict(zip(names, answers, strict=True))
                self._asked = time.monotonic()
            return dict(self._states)

    async def _ask_llm(self) -> str:
        async with self._llm_lock:
            if time.monotonic() - self._llm_asked >= _LLM_SECONDS:
                self._llm_state = await self._one_token()
                self._llm_asked = time.monotonic()
            return self._llm_state

    async def _one_token(self) -> str:
        ask = Ask(self._chat_model, [{"role": "user", "content": "Hi"}], max_tokens=1, temperature=0)
        try:
            await self._gateway.complete(ask, timeout=_LLM_TIMEOUT_SECONDS)
        except ServiceError as err:
            return err.message
        return OK


async def _probe(upstream: Upstream, path: str) -> str:
    try:
        await upstream.call("GET", path, retry=PROBE, timeout=_TIMEOUT_SECONDS)
    except ServiceError as err:
        return err.message
    return OK
