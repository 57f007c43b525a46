"""`aisuite ask`: one question, streamed; with a collection, answered from its documents."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aisuite.errors import NotRunning, UsageError
from aisuite.ops.record import Record, require_record
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.ports import Chat, Deps


@dataclass(frozen=True, slots=True)
class AskRequest:
    """A question; `model` None takes the first route, `collection` None asks the model alone."""

    question: str
    model: str | None = None
    collection: str | None = None
    timeout: float = 180.0  # seconds without a sign of life


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the answer: text, the sources (with a collection; the last ones given count), or the model's name."""

    text: str = ""
    sources: tuple[dict[str, Any], ...] = ()
    model: str | None = None


def ask(request: AskRequest, deps: Deps, chat: Chat) -> Iterator[Piece]:
    """Yield the answer as it comes. Raises NotRunning, UsageError, StepFailed."""
    record = require_record(deps.workdir)
    if not request.question.strip():
        raise UsageError("the question is empty", 'aisuite ask "How do I make a backup?"')
    if request.model is not None and request.model not in record.routes:
        near = difflib.get_close_matches(request.model, record.routes, n=1, cutoff=0.0)
        names = ", ".join(record.routes)
        raise UsageError(f"there is no model {request.model!r}; there are {names}", f"aisuite ask --model {near[0]} …")
    if request.collection is None:
        yield from _ask_gateway(request, record, deps, chat)
    else:
        yield from _ask_rag(request, record, deps, chat)


def _ask_gateway(request: AskRequest, record: Record, deps: Deps, chat: Chat) -> Iterator[Piece]:
    body = {
        "model": request.model or record.routes[0],
        "messages": [{"role": "user", "content": request.question}],
        "stream": True,
    }
    url = record.require(Role.GATEWAY).url + "/v1/chat/completions"
    for event in chat.stream(url, _key(deps, "gateway_key"), body, request.timeout):
        for choice in event.get("choices", ()):
            text = (choice.get("delta") or {}).get("content")
            if text:
                yield Piece(text=text, model=event.get("model"))


def _ask_rag(request: AskRequest, record: Record, deps: Deps, chat: Chat) -> Iterator[Piece]:
    body: dict[str, Any] = {"query": request.question, "collection": request.collection, "stream": True}
    if request.model is not None:
        body["model"] = request.model
    url = record.require(Role.RAG).url + "/query"
    for event in chat.stream(url, _key(deps, "service_key"), body, request.timeout):
        if event.get("sources"):
            yield Piece(sources=tuple(event["sources"]))
        if event.get("delta"):
            yield Piece(text=event["delta"])
        if event.get("model"):
            yield Piece(model=event["model"])


def _key(deps: Deps, name: str) -> str:
    key = deps.workdir.read(f"secrets/{name}")
    if key is None:
        raise NotRunning(f"the key {name} is missing in {deps.workdir.folder}", "aisuite up --phase 2")
    return key.strip()
