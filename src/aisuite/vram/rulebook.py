"""Prices by the rules of a llama.cpp build."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aisuite.vram.estimate import device_floor, estimate
from aisuite.vram.pricing import Pricing
from aisuite.vram.rules import rules_of

if TYPE_CHECKING:
    from aisuite.vram.model import LlamaBuild, Overhead


def price(build: LlamaBuild, overhead: Overhead) -> Pricing:
    """Return the prices of a build, with a note where its rules are not known exactly."""
    rules, note = rules_of(build)
    return Pricing(
        build,
        rules.label,
        partial(estimate, rules=rules),
        overhead,
        () if note is None else (note,),
        partial(device_floor, rules=rules),
    )
