"""Questions answered, from the cache where nothing has changed since."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Hashable
from contextlib import aclosing

from aisuite.services.rag.answer_cache import AnswerCache
from aisuite.services.rag.answerer import Answerer, sources_event
from aisuite.services.rag.measures import Measures
from aisuite.services.rag.question import Answer, Event, Question
from aisuite.services.rag.records import Records
from aisuite.services.rag.retriever import Searched

_WHOLE = frozenset({None, "stop"})


class Answering:
    """Answer questions, and keep whole answers until their collection changes."""

    def __init__(self, answerer: Answerer, records: Records, cache: AnswerCache[Answer], measures: Measures) -> None:
        self._answerer = answerer
        self._records = records
        self._cache = cache
        self._measures = measures

    async def answer(self, question: Question, *, fresh: bool) -> Answer:
        """Answer; a `fresh` answer is made anew. Raises the errors of `Answerer`."""
        key, kept = await self._look(question, fresh=fresh)
        if kept is not None:
            return kept
        answer = await self._answerer.answer(question, await self._answerer.find(question))
        self._keep(key, answer)
        return answer

    async def stream(self, question: Question, *, fresh: bool) -> AsyncGenerator[Event]:
        """Give the answer in events, after everything that may be refused was. Raises as `answer`."""
        key, kept = await self._look(question, fresh=fresh)
        if kept is not None:
            return _replay(kept)
        return self._stream(question, await self._answerer.find(question), key)

    async def _stream(self, question: Question, searched: Searched, key: Hashable) -> AsyncGenerator[Event]:
        sources, text = [], ""
        async with aclosing(self._answerer.stream(question, searched)) as events:
            async for event in events:
                if event.name == "sources":
                    sources, text = event.data["sources"], ""
                elif event.name == "delta":
                    text += event.data["delta"]
                else:
                    self._keep(key, Answer(answer=text, sources=sources, **event.data))
                yield event

    async def _look(self, question: Question, *, fresh: bool) -> tuple[Hashable, Answer | None]:
        # Read before the search: what is indexed meanwhile makes the answer belong to an older version.
        key = question.key(await self._records.version(question.search.collection))
        kept = None if fresh else self._cache.find(key)
        result = "bypass" if fresh else "miss" if kept is None else "hit"
        self._measures.cache.labels(result).inc()
        return key, kept and kept.model_copy(update={"cached": True})

    def _keep(self, key: Hashable, answer: Answer) -> None:
        # The reranker's absence is no part of the key: it will be back.
        if answer.finish_reason in _WHOLE and answer.reranked is not False:
            self._cache.keep(key, answer)


async def _replay(answer: Answer) -> AsyncGenerator[Event]:
    yield sources_event(answer.sources)
    yield Event("delta", {"delta": answer.answer})
    yield Event("done", answer.model_dump(exclude={"answer", "sources"}))
