"""Deaths on purpose: a test names a step, and the program ends there as if it had been killed."""

from __future__ import annotations

import os
from collections import Counter

VARIABLE = "AISUITE_FAILPOINT"  # step, or step:n for its n-th time
KILLED = 137  # what a shell says of a process that got SIGKILL

_times: Counter[str] = Counter()


def failpoint(step: str) -> None:
    """End this process at once, without any clean-up, when AISUITE_FAILPOINT names the step."""
    if wanted := os.environ.get(VARIABLE):
        _times[step] += 1
        name, _, time = wanted.partition(":")
        if name == step and _times[step] == int(time or 1):
            os._exit(KILLED)
