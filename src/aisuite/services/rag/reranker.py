"""A second look at what was found, by a model that reads question and text together (llama-server `--rerank`)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from aisuite.services.rag.upstream import Refused, Unavailable, Upstream

_CHARS = 4000  # of a text, until the server says that its context holds less
_FEWEST_CHARS = 100
_TOO_LONG = 400


class _Judged(BaseModel):
    index: int
    relevance_score: float


class _Judgement(BaseModel):
    results: list[_Judged]


class Reranker:
    """Ask the reranker, and learn how long a text it takes."""

    def __init__(self, service: Upstream) -> None:
        self._service = service
        self._chars = _CHARS

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """Judge the beginnings of texts, each by a number that is larger the better it answers.

        Raises `Unavailable`, also where the server refuses, and `TooSlow`.
        """
        judged = (await self._judge(question, texts)).results
        scores = {one.index: one.relevance_score for one in judged}
        if sorted(scores) != list(range(len(texts))):
            raise Unavailable(self._service.name, f"it judged {len(scores)} of {len(texts)} texts")
        return [scores[at] for at in range(len(texts))]

    async def _judge(self, question: str, texts: Sequence[str]) -> _Judgement:
        chars = self._chars
        while True:
            body = {"query": question, "documents": [text[:chars] for text in texts], "top_n": len(texts)}
            try:
                answer = await self._service.call("POST", "/v1/rerank", body)
            except Refused as err:
                chars //= 2
                if err.upstream_status != _TOO_LONG or chars < _FEWEST_CHARS:
                    raise Unavailable(self._service.name, err.reason) from err
            else:
                self._chars = min(self._chars, chars)
                return self._service.understand(_Judgement, answer.content)
