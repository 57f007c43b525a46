"""Answers from a language model, through the API gateway."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import BaseModel, Field

from aisuite.services.common import ServiceError
from aisuite.services.rag.prompt import Message
from aisuite.services.rag.upstream import Refused, Unavailable, Upstream, find_message

_CHAT = "/v1/chat/completions"
_SERVED_BY = "x-litellm-model-id"
_TOO_LONG = re.compile(r"exceed\w*[ _]context|exceed[^.]{0,60}context|maximum context|context[ _](?:length|window)")
_COUNTED = re.compile(r"n_prompt_tokens\W+(\d+)|request \((\d+) tokens\)")
_CONTEXT = re.compile(r"n_ctx\W+(\d+)|context size \((\d+) tokens\)|maximum context length (?:is|of) (\d+)")

Usage = dict[str, Any]


class ContextExceeded(ServiceError):
    """The prompt did not fit into the model's context; the numbers are None where the server kept them."""

    def __init__(self, reason: str) -> None:
        super().__init__(502, f"the prompt does not fit the model's context: {reason}", code="context_exceeded")
        self.counted = _number(_COUNTED, reason)
        self.context = _number(_CONTEXT, reason)


@dataclass(frozen=True)
class Ask:
    """A request to a model."""

    model: str
    messages: Sequence[Message]
    max_tokens: int
    temperature: float

    def body(self) -> dict[str, Any]:
        """Give the request in OpenAI's form."""
        return {
            "model": self.model,
            "messages": list(self.messages),
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
        }


@dataclass(frozen=True)
class Reply:
    """A whole answer, or the next piece of a streamed one; the last piece has a finish reason."""

    text: str
    served_by: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None

    def followed_by(self, piece: Reply) -> Reply:
        """Join a piece to what came before it."""
        return Reply(
            self.text + piece.text,
            piece.served_by or self.served_by,
            piece.finish_reason or self.finish_reason,
            piece.usage or self.usage,
        )


class _Said(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Said = _Said()
    delta: _Said = _Said()
    finish_reason: str | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = []
    usage: Usage | None = None
    error: Any = None


class _WholeCompletion(_Completion):
    choices: list[_Choice] = Field(min_length=1)


class Gateway:
    """Ask models. Every call raises the errors of `Upstream`, and `ContextExceeded`."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def complete(self, ask: Ask, *, timeout: float | None = None) -> Reply:
        """Wait for the whole answer, at most `timeout` seconds (None: RAG_LLM_TIMEOUT)."""
        try:
            answer = await self._upstream.call("POST", _CHAT, ask.body(), timeout=timeout)
        except Refused as err:
            raise _explained(err, ask.model) from err
        completion = self._upstream.understand(_WholeCompletion, answer.content)
        choice = completion.choices[0]
        return Reply(choice.message.content or "", _served_by(answer), choice.finish_reason, completion.usage)

    async def stream(self, ask: Ask) -> AsyncGenerator[Reply]:
        """Give the answer in pieces. An answer that breaks off raises `Unavailable`."""
        body = {**ask.body(), "stream": True, "stream_options": {"include_usage": True}}
        try:
            async with self._upstream.stream("POST", _CHAT, body) as answer:
                finished = False
                async for data in _events(answer):
                    piece = self._piece(data, _served_by(answer))
                    finished = finished or piece.finish_reason is not None
                    yield piece
        except Refused as err:
            raise _explained(err, ask.model) from err
        if not finished:
            raise Unavailable(self._upstream.name, "the answer broke off")

    def _piece(self, data: bytes, served_by: str | None) -> Reply:
        part = self._upstream.understand(_Completion, data)
        if part.error is not None:
            reason = find_message({"error": part.error}) or "unknown error"
            raise ContextExceeded(reason) if _TOO_LONG.search(reason) else Unavailable(self._upstream.name, reason)
        choice = part.choices[0] if part.choices else _Choice()
        return Reply(choice.delta.content or "", served_by, choice.finish_reason, part.usage)


async def _events(answer: httpx.Response) -> AsyncIterator[bytes]:
    # Not httpx's own lines: those also end at U+2028 and others, which JSON may hold as they are.
    rest = b""
    async for chunk in answer.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            data = line.removeprefix(b"data:").strip()
            if line.startswith(b"data:") and data != b"[DONE]":
                yield data


def _served_by(answer: httpx.Response) -> str | None:
    served_by: str | None = answer.headers.get(_SERVED_BY)
    return served_by


def _explained(refused: Refused, model: str) -> ServiceError:
    """Find out whose fault a refusal was: a prompt too long, a model that is not there, or ours."""
    if refused.upstream_status == 400 and _TOO_LONG.search(refused.reason):
        return ContextExceeded(refused.reason)
    if refused.upstream_status in (400, 404) and "model" in refused.reason.lower():
        message = f"the gateway does not serve model {model!r}: {refused.reason}"
        return ServiceError(422, message, code="model_not_found", param="model")
    return refused


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    return next((int(group) for group in match.groups() if group), None) if match else None
