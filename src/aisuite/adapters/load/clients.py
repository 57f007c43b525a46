"""The clients of one plan: each asks, waits for the answer, pauses, and asks again."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from aisuite.adapters.load.answer import Answer
from aisuite.drill.model import POISON

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping

    from aisuite.drill.model import Request
    from aisuite.ports.load import LoadPlan

_KEEPALIVE = 2.0  # seconds; shorter than any server's own, so that none closes a connection just as it is used again
_ANSWER_TOKENS = 16
_SAYING = "Say one short sentence."
_QUERY = "What does the drill retrieve?"


@dataclass(frozen=True, slots=True)
class _Question:
    """What one kind of client asks, again and again."""

    kind: str
    url: str
    key: str
    body: Mapping[str, Any]


class Clients:
    """All clients of one plan, on one event loop."""

    def __init__(self, plan: LoadPlan) -> None:
        self.ended: list[Request] = []
        self.running = threading.Event()
        self._plan = plan
        self._grace = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Ask until `end` is called; then wait for what is under way, but not longer than that allows."""
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        async with _open_client(self._plan.patience) as self._http:
            self._begin_all()
            self.running.set()
            await self._stopping.wait()
            done, unfinished = await asyncio.wait(self._tasks, timeout=self._grace)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        for task in done:
            task.result()  # raises what no client foresaw

    def end(self, grace: float) -> None:
        """Tell the clients to stop, from another thread; fine when they have."""
        self._grace = grace
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._stopping.set)

    def _begin_all(self) -> None:
        plan = self._plan
        counts = {"plain": plan.plain, "stream": plan.streams, "rag": plan.rag}
        crowd = [_question(plan, kind) for kind, count in counts.items() for _ in range(count)]
        # Their beginnings are spread over one pause: clients in step would measure each other's queue.
        for place, question in enumerate(crowd):
            self._begin(self._repeat(question, plan.pause * place / len(crowd)))
        self._begin(self._poison())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.create_task(work))

    async def _repeat(self, question: _Question, delay: float) -> None:
        await self._pause(delay)
        while not self._stopping.is_set():
            await self._ask(question)
            await self._pause(self._plan.pause)

    async def _poison(self) -> None:
        """Send poison when it is due, whether or not earlier poison has been answered."""
        if self._plan.poison_every is None:
            return
        question = _question(self._plan, "poison")
        while not self._stopping.is_set():
            self._begin(self._ask(question))
            await self._pause(self._plan.poison_every)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _ask(self, question: _Question) -> None:
        """Ask once, and keep what came of it."""
        answer = Answer(question.kind, question.key)
        try:
            async with asyncio.timeout(self._plan.patience):
                await self._listen(question, answer)
        except TimeoutError:
            answer.give_up(f"no answer within {self._plan.patience:g} s")
        except asyncio.CancelledError:
            answer.give_up("no answer when the load ended")
            raise
        except httpx.HTTPError as err:
            answer.break_off(err)
        finally:
            self.ended.append(answer.as_request(self._plan.zero))

    async def _listen(self, question: _Question, answer: Answer) -> None:
        headers = {"Authorization": f"Bearer {question.key}"}
        async with self._http.stream("POST", question.url, json=dict(question.body), headers=headers) as response:
            answer.begin(response.status_code, response.headers)
            if question.kind != "stream" or response.is_error:
                answer.read(b"".join([chunk async for chunk in _read(response, answer)]))
                return
            async for data in _events(_read(response, answer)):
                answer.hear(data)
            answer.end_stream()


def _open_client(patience: float) -> httpx.AsyncClient:
    # The URLs are plain http. A context that trusts nobody spares the tenth of a second for reading certificates.
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=_KEEPALIVE)
    # httpx bounds each silence, the clients the whole answer: theirs comes first.
    return httpx.AsyncClient(trust_env=False, verify=nobody, limits=limits, timeout=2 * patience)


async def _read(response: httpx.Response, answer: Answer) -> AsyncIterator[bytes]:
    async for chunk in response.aiter_bytes():
        answer.note_bytes()
        yield chunk


async def _events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the data of each server-sent event; those of chat completions have one line each."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line.removeprefix(b"data:").strip()


def _question(plan: LoadPlan, kind: str) -> _Question:
    """Return what clients of this kind ask."""
    if kind == "rag":
        body = {"collection": plan.collection, "query": _QUERY, "topk": 1}
        return _Question(kind, f"{plan.rag_url}/retrieve", plan.rag_key, body)
    said = f"{POISON} {_SAYING}" if kind == "poison" else _SAYING
    chat = {
        "model": plan.route,
        "messages": [{"role": "user", "content": said}],
        "max_tokens": _ANSWER_TOKENS,
        "temperature": 0,
        "stream": kind == "stream",
    }
    return _Question(kind, f"{plan.gateway_url}/v1/chat/completions", plan.gateway_key, chat)
