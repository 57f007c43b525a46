"""Which llama.cpp it is, by what it calls itself. Without imports: every command line is made with it."""

from __future__ import annotations

import re

# Before b9209 level 4 was "debug", which prints prompts; since then it is "trace" (llama.cpp PR 23021), which prints
# the buffers, and no prompt. Older servers print the buffers at their default level.
TRACE_SINCE = 9209
TRACE_LEVEL = 4

_NUMBER = re.compile(r"\bb(?:uild )?(\d{4,6})\b|^(\d{4,6})\b(?!\.)|\.(\d{4,6})$")


def build_number(label: str) -> int | None:
    """Find the b-number of a release; None when the label has none.

    "b11669-3ab9" at /props, "0.7.0 (build 11669, ...)" or "11669 (3ab9)" at --version, "…:server-cuda-b11669" an image,
    "2026.10.11549" a wheel.
    """
    found = _NUMBER.search(label)
    return int(found[found.lastindex or 0]) if found else None
