"""Answers that need not be made again: keyed by all that they were made from."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from pydantic import BaseModel

A = TypeVar("A")


class CacheStats(BaseModel):
    """How the cache does; `hit_rate` is null before the first look."""

    entries: int
    capacity: int
    hits: int
    misses: int
    evicted: int
    hit_rate: float | None


class AnswerCache(Generic[A]):
    """Keep the answers that were used last, each for some time. A capacity of 0 keeps none."""

    def __init__(self, capacity: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, A]] = OrderedDict()
        self._hits = self._misses = self._evicted = 0

    def find(self, key: Hashable) -> A | None:
        """Give what is kept under a key, and count the look."""
        made, answer = self._kept.get(key, (0.0, None))
        if answer is None or self._clock() - made > self._seconds:
            self._kept.pop(key, None)
            self._misses += 1
            return None
        self._kept.move_to_end(key)
        self._hits += 1
        return answer

    def keep(self, key: Hashable, answer: A) -> None:
        """Keep an answer; what was not used for longest goes."""
        self._kept[key] = (self._clock(), answer)
        self._kept.move_to_end(key)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
            self._evicted += 1

    def clear(self) -> None:
        """Forget all answers."""
        self._kept.clear()

    def stats(self) -> CacheStats:
        """Tell how it does."""
        looks = self._hits + self._misses
        return CacheStats(
            entries=len(self._kept),
            capacity=self._capacity,
            hits=self._hits,
            misses=self._misses,
            evicted=self._evicted,
            hit_rate=self._hits / looks if looks else None,
        )
