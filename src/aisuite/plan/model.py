"""A plan: steps with a cause each, ordered by what must come before."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """What a step does to its subject."""

    PREPARE = "prepare"  # something that is made once: an environment, a model file
    STOP = "stop"
    START = "start"
    RECREATE = "recreate"  # stop, then start with other settings
    WAIT = "wait"  # it runs already, but is not ready


@dataclass(frozen=True, slots=True)
class Preparation:
    """Something to be made once before services can start."""

    name: str
    what: str  # in words, for the plan
    needed_by: tuple[str, ...]  # services


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, why, and after which other steps (by their id).

    It needs those in `after`; those in `turn` it only lets go first, however they end.
    """

    verb: Verb
    subject: str
    cause: str
    after: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Verb and subject: unique within a plan."""
        return f"{self.verb} {self.subject}"

    def __str__(self) -> str:
        return f"{self.verb:<8} {self.subject:<17} {self.cause}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in an order that respects `after`. Empty: nothing to do."""

    steps: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __add__(self, later: Plan) -> Plan:
        return Plan((*self.steps, *later.steps))

    def __str__(self) -> str:
        if not self.steps:
            return "nothing to do"
        return "\n".join(str(step) for step in self.steps)
