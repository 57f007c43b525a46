"""A clock that nobody waits for."""

from __future__ import annotations

import threading


class FakeClock:
    """Sleeping moves it on at once; `slept` is the sum."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._begin = now
        self._lock = threading.Lock()
        self.slept = 0.0

    def now(self) -> float:
        return self._begin + self.slept

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept += seconds
