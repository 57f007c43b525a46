"""A second look at what was found, by a model that reads question and text together (llama-server `--rerank`)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from aisuite.services.rag.upstream import Unavailable, Upstream

_CHARS = 4000  # of a text; what is longer would be refused by the server


class _Judged(BaseModel):
    index: int
    relevance_score: float


class _Judgement(BaseModel):
    results: list[_Judged]


class Reranker:
    """Ask the reranker. Every call raises the errors of `Upstream`."""

    def __init__(self, service: Upstream) -> None:
        self._service = service

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """Judge texts, each by a number that is larger the better it answers."""
        body = {"query": question, "documents": [text[:_CHARS] for text in texts], "top_n": len(texts)}
        answer = await self._service.call("POST", "/v1/rerank", body)
        judged = self._service.understand(_Judgement, answer.content).results
        scores = {one.index: one.relevance_score for one in judged}
        if sorted(scores) != list(range(len(texts))):
            raise Unavailable(self._service.name, f"it judged {len(scores)} of {len(texts)} texts")
        return [scores[at] for at in range(len(texts))]
