"""Wait for what must become true; how long it takes is nobody's law."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], timeout: float = 15.0) -> T:
    """Return the first true thing that `look` finds."""
    deadline = time.monotonic() + timeout
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.02)
    return found
