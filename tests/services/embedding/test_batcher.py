"""The laws of the queue before the model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from aisuite.services.common import Metrics
from aisuite.services.embedding.backend import BackendFailed, Embedded
from aisuite.services.embedding.batcher import Batcher, Overloaded


class Model:
    """Gives a text's number as its vector, when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.begun = False

    @property
    def texts(self) -> list[str]:
        return [text for batch in self.batches for text in batch]

    def embed(self, texts: Sequence[str]) -> Embedded:
        self.begun = True
        assert self.may_go.wait(20)
        self.batches.append(list(texts))
        if "bad" in texts:
            raise BackendFailed("a bad text")
        cut = tuple(index for index, text in enumerate(texts) if text.startswith("long"))
        return Embedded([[float(text[-1])] for text in texts], [len(text) for text in texts], cut)


def batcher(model: Model, batch: int = 4, limit: int = 100) -> Batcher:
    return Batcher(model.embed, batch, limit, Metrics())


async def queue_behind_a_batch(batcher: Batcher, model: Model, *requests: list[str]) -> list[asyncio.Task[Embedded]]:
    """Let a first text be embedded, and queue requests while that lasts."""
    model.may_go.clear()
    first = asyncio.create_task(batcher.embed(["t0"]))
    while not first.done() and not model.begun:
        await asyncio.sleep(0)
    tasks = [asyncio.create_task(batcher.embed(texts)) for texts in requests]
    await asyncio.sleep(0)
    return [first, *tasks]


async def run(model: Model, batch: int, *requests: list[str]) -> list[Embedded]:
    waiting = await queue_behind_a_batch(batcher(model, batch), model, *requests)
    model.may_go.set()
    return (await asyncio.gather(*waiting))[1:]


def test_requests_that_wait_share_a_batch() -> None:
    model = Model()
    one, two = asyncio.run(run(model, 4, ["t1", "t2"], ["t3"]))
    assert sorted(model.texts) == ["t0", "t1", "t2", "t3"]
    assert len(model.batches) <= 2
    assert (one.vectors, two.vectors) == ([[1.0], [2.0]], [[3.0]])


def test_a_request_larger_than_a_batch_comes_back_whole_and_in_order() -> None:
    model = Model()
    (answer,) = asyncio.run(run(model, 2, [f"t{number}" for number in range(9)]))
    assert answer.vectors == [[float(number)] for number in range(9)]
    assert answer.tokens == [2] * 9
    assert max(map(len, model.batches)) == 2


def test_a_small_request_need_not_wait_for_all_of_a_big_one() -> None:
    model = Model()
    asyncio.run(run(model, 2, ["t1"] * 8, ["t9"]))
    place = next(number for number, batch in enumerate(model.batches) if "t9" in batch)
    assert place < len(model.batches) - 1


def test_each_request_learns_of_its_own_cut_texts() -> None:
    one, two = asyncio.run(run(Model(), 3, ["t1", "long2"], ["t3", "t4", "long5"]))
    assert (one.truncated, two.truncated) == ((1,), (2,))


def test_more_than_may_wait_is_refused_with_a_time_to_come_back() -> None:
    async def overload() -> Overloaded:
        model = Model()
        queue = batcher(model, batch=1, limit=2)
        waiting = await queue_behind_a_batch(queue, model, ["t1", "t2"])
        with pytest.raises(Overloaded) as refused:
            await queue.embed(["t3", "t4", "t5"])
        model.may_go.set()
        await asyncio.gather(*waiting)
        return refused.value

    error = asyncio.run(overload())
    assert error.status == 429
    assert int(error.headers["Retry-After"]) >= 1
    assert "EMBEDDING_QUEUE=2" in error.message


def test_a_cancelled_request_leaves_the_queue_and_harms_no_other() -> None:
    async def cancel() -> Model:
        model = Model()
        queue = batcher(model, batch=1)
        first, gone, kept = await queue_behind_a_batch(queue, model, ["t1", "t2"], ["t3"])
        gone.cancel()
        await asyncio.sleep(0)
        assert queue.waiting <= 2
        model.may_go.set()
        assert (await kept).vectors == [[3.0]]
        await first
        return model

    assert "t2" not in asyncio.run(cancel()).texts


def test_a_failed_batch_fails_its_requests_and_no_later_one() -> None:
    async def fail() -> list[list[float]]:
        model = Model()
        queue = batcher(model)
        with pytest.raises(BackendFailed):
            await queue.embed(["bad"])
        return (await queue.embed(["t7"])).vectors

    assert asyncio.run(fail()) == [[7.0]]
