"""Strings from outside that can be stored and sent on."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")  # JSON may hold "\ud800" alone; UTF-8 cannot


def _check(value: str) -> str:
    if _LONE_SURROGATE.search(value):
        raise ValueError("is not text: it holds half of a surrogate pair")
    return value


Text = Annotated[str, AfterValidator(_check)]
