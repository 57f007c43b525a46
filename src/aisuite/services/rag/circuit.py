"""A dependency that keeps failing is left alone for a moment: who asks is told at once, and it can recover."""

from __future__ import annotations

import time
from collections.abc import Callable

_FAILURES = 5  # one after the other
_PAUSE_SECONDS = 2.0


class Circuit:
    """Count failures; while it is open nobody asks, and then one caller at a time tries."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self.reason = ""

    @property
    def is_open(self) -> bool:
        """Tell whether the dependency has failed too often."""
        return self._failures >= _FAILURES

    def seconds_to_wait(self) -> float:
        """Give the seconds to wait; with 0 the caller may try, and others wait for what comes of it."""
        if not self.is_open:
            return 0.0
        left = self._open_until - self._clock()
        if left > 0:
            return left
        self._open_until = self._clock() + _PAUSE_SECONDS
        return 0.0

    def failed(self, reason: str) -> None:
        """Note a failure."""
        self._failures += 1
        self.reason = reason
        self._open_until = self._clock() + _PAUSE_SECONDS

    def worked(self) -> None:
        """Note an answer, whatever it says."""
        self._failures = 0
