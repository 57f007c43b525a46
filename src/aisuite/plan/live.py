"""What containers really are, in the words of the file that describes them, so that one set of rules judges both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.stack.compose import ComposeFile


@dataclass(frozen=True, slots=True)
class Unsayable:
    """A liberty of a container that our files have no words for: the number of its CIS check, and what shows it."""

    check: str
    evidence: str


@dataclass(frozen=True, slots=True)
class LiveProject:
    """A project's containers as its engine describes them.

    `described` was never validated: it says what is, allowed or not.
    """

    described: ComposeFile
    unsayable: Mapping[str, tuple[Unsayable, ...]] = field(default_factory=dict)  # by service
    rootless: bool = False  # the engine's root is an ordinary user of its machine
