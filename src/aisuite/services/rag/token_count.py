"""How long texts are for the embedding model, by its own tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field

from aisuite.services.rag.upstream import Retry, Unavailable, Upstream


class _Limit(BaseModel):
    max_tokens: int | None = None


class _Models(BaseModel):
    models: list[_Limit] = Field(min_length=1)


class _Counted(BaseModel):
    tokens: list[int]


class TokenCount:
    """Ask the embedding service. Every call raises the errors of `Upstream`, after trying again as told."""

    def __init__(self, service: Upstream, retry: Retry) -> None:
        self._service = service
        self._retry = retry

    async def limit(self) -> int | None:
        """Tell how many tokens of a text the model reads; None: all."""
        answer = await self._service.call("GET", "/models", retry=self._retry)
        return self._service.understand(_Models, answer.content).models[0].max_tokens

    async def count(self, passages: Sequence[str]) -> list[int]:
        """Count the tokens of passages, with the prefix that they are embedded behind."""
        body = {"texts": list(passages), "kind": "passage"}
        answer = await self._service.call("POST", "/tokenize", body, retry=self._retry)
        tokens = self._service.understand(_Counted, answer.content).tokens
        if len(tokens) != len(passages):
            raise Unavailable(self._service.name, f"it counted {len(tokens)} of {len(passages)} texts")
        return tokens
