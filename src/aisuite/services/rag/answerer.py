"""From a question to an answer with its sources, whole or in pieces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from aisuite.services.common import ServiceError
from aisuite.services.rag.asked import Asked
from aisuite.services.rag.budget import ContextBudget
from aisuite.services.rag.citations import check_citations
from aisuite.services.rag.gateway import Ask, ContextExceeded, Gateway, Reply
from aisuite.services.rag.measures import Measures
from aisuite.services.rag.model_choice import ModelChoice
from aisuite.services.rag.prompt import Prompt, Source, build_prompt, not_found_answer
from aisuite.services.rag.question import Answer, Event, Outcome, Question
from aisuite.services.rag.retriever import Hit, Retriever, Searched
from aisuite.services.rag.server_context import ServerContext
from aisuite.services.rag.support import Support
from aisuite.services.rag.tokens import estimate_tokens

# A prompt that proves too long is built shorter; one more try suffices where the server tells the numbers.
_TRIES = 4


@dataclass(frozen=True)
class AnswerRules:
    """Which models answer, how long and how freely."""

    choice: ModelChoice
    max_tokens: int
    temperature: float


class Answerer:
    """Find texts and have a model answer from them."""

    def __init__(
        self,
        finding: tuple[Retriever, Support],
        gateway: Gateway,
        room: tuple[ContextBudget, ServerContext],
        rules: AnswerRules,
        notes: tuple[Measures, Asked],
    ) -> None:
        self._retriever, self._support = finding
        self._gateway = gateway
        self._budget, self._server_context = room
        self._rules = rules
        self._measures, self._asked = notes

    async def find(self, question: Question) -> Searched:
        """Find the texts for a question; none where they do not support an answer. Raises as `Retriever.search`."""
        searched = await self._retriever.search(question.search)
        hits = searched.hits if await self._support.suffices(question.search, searched.hits) else []
        if hits and (tokens := await self._server_context.tokens()):
            self._budget.learn_context(tokens)
        self._measures.questions.labels("found" if hits else "not_found").inc()
        self._asked.note(question.search.question, question.search.collection, len(hits))
        return Searched(hits, searched.reranked)

    async def answer(self, question: Question, searched: Searched) -> Answer:
        """Answer from the texts found. Raises the errors of `Gateway`, and 422 when nothing fits the context."""
        if not searched.hits:
            nothing = not_found_answer(question.search.question)
            return Answer(answer=nothing, sources=[], reranked=searched.reranked)
        with self._measures.timed("answer"):
            prompt, reply = await self._complete(question, searched.hits, _TRIES)
        outcome = self._outcome(question, prompt, reply)
        outcome.reranked = searched.reranked
        return Answer(answer=reply.text, sources=prompt.sources, **outcome.model_dump())

    async def stream(self, question: Question, searched: Searched) -> AsyncGenerator[Event]:
        """Answer in events. `sources` comes again, with less, when the model's context proves smaller."""
        if searched.hits:
            with self._measures.timed("answer"):
                async with aclosing(self._stream(question, searched.hits, _TRIES)) as events:
                    async for event in events:
                        yield _with_order(event, searched)
        else:
            yield sources_event([])
            yield Event("delta", {"delta": not_found_answer(question.search.question)})
            yield _with_order(Event("done", Outcome().model_dump()), searched)

    async def _complete(self, question: Question, hits: Sequence[Hit], tries: int) -> tuple[Prompt, Reply]:
        prompt = self._prompt(question, hits)
        try:
            return prompt, await self._gateway.complete(self._ask(question, prompt))
        except ContextExceeded as err:
            self._learn(question, prompt, err, tries)
        return await self._complete(question, hits, tries - 1)

    async def _stream(self, question: Question, hits: Sequence[Hit], tries: int) -> AsyncGenerator[Event]:
        prompt = self._prompt(question, hits)
        yield sources_event(prompt.sources)
        reply = Reply("")
        try:
            async with aclosing(self._gateway.stream(self._ask(question, prompt))) as pieces:
                async for piece in pieces:
                    reply = reply.followed_by(piece)
                    if piece.text:
                        yield Event("delta", {"delta": piece.text})
        except ContextExceeded as err:
            self._learn(question, prompt, err, tries)
        else:
            yield Event("done", self._outcome(question, prompt, reply).model_dump())
            return
        async with aclosing(self._stream(question, hits, tries - 1)) as events:
            async for event in events:
                yield event

    def _prompt(self, question: Question, hits: Sequence[Hit]) -> Prompt:
        model, max_tokens = self._model(question), self._max_tokens(question)
        room = self._budget.room(model, max_tokens)
        prompt = build_prompt(question.search.question, hits, room, question.history)
        if prompt is None:
            raise ServiceError(
                422,
                f"no room for documents: with max_tokens={max_tokens} the context of {model} holds a prompt of about "
                f"{room} tokens, and the question has about {estimate_tokens(question.search.question)}; "
                "ask in fewer words, lower max_tokens, or give the model more context and set RAG_CONTEXT_TOKENS",
                code="no_room",
            )
        return prompt

    def _learn(self, question: Question, prompt: Prompt, refusal: ContextExceeded, tries: int) -> None:
        if tries <= 1:
            raise refusal
        self._budget.learn_from_refusal(self._model(question), prompt.tokens, refusal.counted, refusal.context)

    def _outcome(self, question: Question, prompt: Prompt, reply: Reply) -> Outcome:
        model = self._model(question)
        counted = (reply.usage or {}).get("prompt_tokens")
        if isinstance(counted, int):
            self._budget.learn_from_count(model, prompt.tokens, counted)
        cited = check_citations(reply.text, [source.n for source in prompt.sources])
        self._measures.citations.labels("right").inc(len(cited.right))
        self._measures.citations.labels("wrong").inc(len(cited.wrong))
        return Outcome(
            model=model,
            served_by=reply.served_by,
            finish_reason=reply.finish_reason,
            usage=reply.usage,
            found=True,
            citations=cited.right,
            unsupported_citations=cited.wrong,
            untrusted=True,
        )

    def _ask(self, question: Question, prompt: Prompt) -> Ask:
        temperature = self._rules.temperature if question.temperature is None else question.temperature
        return Ask(self._model(question), prompt.messages, self._max_tokens(question), temperature)

    def _model(self, question: Question) -> str:
        return question.model or self._rules.choice.for_question(question.search.question)

    def _max_tokens(self, question: Question) -> int:
        return question.max_tokens or self._rules.max_tokens


def _with_order(event: Event, searched: Searched) -> Event:
    """Tell at the end who ordered what was found."""
    return Event("done", event.data | {"reranked": searched.reranked}) if event.name == "done" else event


def sources_event(sources: Sequence[Source]) -> Event:
    """Tell the sources of an answer that is about to come."""
    return Event("sources", {"sources": [source.model_dump() for source in sources]})
