"""The numbers by which an answer names its sources."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_CITATION = re.compile(r"\[\s*(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\s*\]")
_NUMBER = re.compile(r"\d+")


class Citations(NamedTuple):
    """The numbers that an answer cites, each once and in their order: those of shown sources, and all others."""

    right: list[int]
    wrong: list[int]


def check_citations(answer: str, shown: Sequence[int]) -> Citations:
    """Compare the citations of an answer to the numbers of the sources that its model was shown."""
    cited = [int(number) for group in _CITATION.findall(answer) for number in _NUMBER.findall(group)]
    once = list(dict.fromkeys(cited))
    return Citations([n for n in once if n in shown], [n for n in once if n not in shown])
