"""One real token from every route, from every server behind it, and from the model that RAG asks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aisuite.errors import AisuiteError
from aisuite.ops.health_judge import TokenAnswer, dependencies_in, has_token, servers_in
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.ops.record import Record, RecordedService
    from aisuite.ports import Chat, Deps

_PAUSE = 1.0  # before a model is asked again
_SHORTEST = 5.0  # seconds that a model is given at least: less says nothing about it
_LIST_TIMEOUT = 5.0
_AT_ONCE = 8
_RAG_REMEMBERS = 10.0  # seconds: it asks its model no more often, whoever asks for its health

Ask = Callable[[float], str]  # seconds -> what was wrong; empty when a token came


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Who is asked, and for how long in all; servers that are not `ready` are not asked."""

    record: Record
    gateway: RecordedService
    key: str
    ready: frozenset[str]
    seconds: float

    @property
    def any_model(self) -> bool:
        """Whether any model server is ready."""
        return any(one.role == Role.INFERENCE and one.name in self.ready for one in self.record.services)


def ask_for_tokens(request: TokenRequest, deps: Deps, chat: Chat) -> tuple[TokenAnswer, ...]:
    """Ask all at once: the routes, each server behind them, the fallbacks too, through the gateway; then RAG."""
    # Where no model is ready there is nothing to wait for: that was done before.
    patience = request.seconds if request.any_model else 0.0

    def answer(way: tuple[TokenAnswer, Ask | None]) -> TokenAnswer:
        blank, ask = way
        return blank if ask is None else _ask_until_it_answers(blank, ask, patience, deps)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(pool.map(answer, _ways(request, deps, chat)))


def _ways(request: TokenRequest, deps: Deps, chat: Chat) -> Iterator[tuple[TokenAnswer, Ask | None]]:
    """Yield what is to be asked, and how; None: it need not be, for the answer is known."""
    gateway, ready = request.gateway, request.ready
    for route in request.record.routes:
        yield TokenAnswer(route, gateway.name), _completion(route, request, chat)
    for route, server_id in servers_in(deps.probe.read(f"{gateway.url}/model/info", request.key, _LIST_TIMEOUT)):
        server = server_id.removeprefix(f"{route}--")
        way = f"{route} by {server}"
        if server in ready:
            # LiteLLM takes the id of a server for a model of its own: no other server answers for it then.
            yield TokenAnswer(way, server), _completion(server_id, request, chat)
        else:
            yield TokenAnswer(way, server, f"not asked: {server} is not ready"), None
    rag = request.record.find(Role.RAG)
    if rag is not None and rag.name in ready:
        if request.any_model:
            yield TokenAnswer(rag.name, rag.name, age=_RAG_REMEMBERS), _of_rag(rag, deps)
        else:
            yield TokenAnswer(rag.name, rag.name, "not asked: no model server is ready"), None


def _completion(model: str, request: TokenRequest, chat: Chat) -> Ask:
    url = f"{request.gateway.url}/v1/chat/completions"
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, "temperature": 0}

    def ask(seconds: float) -> str:
        try:
            told = chat.post(url, request.key, body, seconds)
        except AisuiteError as err:
            return err.message
        return "" if has_token(told) else "the answer is empty"

    return ask


def _of_rag(rag: RecordedService, deps: Deps) -> Ask:
    def ask(seconds: float) -> str:
        answer = deps.probe.ask(f"{rag.ready_url}?llm=true", seconds)
        state = dependencies_in(answer.told).get("llm", answer.reason)
        return "" if state == "ok" else f"its model does not answer: {state}"

    return ask


def _ask_until_it_answers(blank: TokenAnswer, ask: Ask, seconds: float, deps: Deps) -> TokenAnswer:
    """Ask again while there is time: the gateway leaves a server alone that has just come back, RAG remembers it."""
    until = deps.clock.monotonic() + seconds
    while True:
        begin = deps.clock.monotonic()
        error = ask(round(max(until - begin, _SHORTEST), 1))
        end = deps.clock.monotonic()
        if not error or end + _PAUSE + _SHORTEST > until:
            return replace(blank, error=error, seconds=end - begin)
        deps.clock.sleep(_PAUSE)
