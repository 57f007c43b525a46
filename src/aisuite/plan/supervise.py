"""When a supervisor acts: judged from what is seen, what was seen before, and what was tried. No clock, no engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from aisuite.plan.observed import ALIVE, Observed, ObservedService, State

if TYPE_CHECKING:
    from aisuite.stack.model import Service

_DOWN = {
    State.EXITED: "it was stopped from outside",
    State.FAILED: "its engine gave up restarting it",
    State.ORPHANED: "its supervisor died; it runs unwatched",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: between two starts of one service, to trust one that is ready, and to give up one that is not."""

    first_wait: float = 1.0  # doubled with each start that did not last
    longest_wait: float = 300.0
    calm: float = 60.0  # ready for so long, its failures are forgotten
    hung_after: float = 60.0  # unready for so long although it runs, it hangs

    def wait_after(self, starts: int) -> float:
        """Return how long to wait after so many starts that did not last."""
        return min(self.first_wait * 2.0 ** min(starts - 1, 32), self.longest_wait)


class Condition(StrEnum):
    """How a service is doing."""

    HEALTHY = "healthy"
    UNREADY = "unready"  # it runs and may become ready by itself
    RESTARTING = "restarting"  # its engine is at it
    HUNG = "hung"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a supervisor thinks of a service; `due`: start it again now."""

    condition: Condition
    cause: str = ""
    due: bool = False


@dataclass(slots=True)
class _Memory:
    """What is remembered of one service. Times in seconds of one clock."""

    process: object = None
    was_ready: bool = False
    ready_since: float | None = None
    unready_since: float | None = None
    starts: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class Supervision:
    """Remembers services between looks; judging twice at one time changes nothing."""

    patience: Patience
    _memories: dict[str, _Memory] = field(default_factory=dict)

    def judge(self, service: Service, observed: Observed, now: float) -> Verdict:
        """Return what to think of a service as it is seen now."""
        memory = self._memories.setdefault(service.name, _Memory())
        found = observed.find(service.name)
        if found is None or found.state in _DOWN:
            memory.ready_since = memory.unready_since = None
            cause = "it is gone" if found is None else _DOWN[found.state]
            return Verdict(Condition.DOWN, cause, due=now >= memory.not_before)
        self._note(memory, found, now)
        if found.ready:
            return Verdict(Condition.HEALTHY)
        if found.state not in ALIVE:
            return Verdict(Condition.RESTARTING)
        return self._judge_unready(service, observed, memory, now)

    def _note(self, memory: _Memory, found: ObservedService, now: float) -> None:
        process = (found.pid, found.container, found.started_at)
        if process != memory.process:
            memory.process, memory.was_ready = process, False
            memory.ready_since = memory.unready_since = None
        if not found.ready:
            memory.ready_since = None
            memory.unready_since = now if memory.unready_since is None else memory.unready_since
            return
        memory.was_ready, memory.unready_since = True, None
        memory.ready_since = now if memory.ready_since is None else memory.ready_since
        if now - memory.ready_since >= self.patience.calm:
            memory.starts, memory.not_before = 0, 0.0

    def _judge_unready(self, service: Service, observed: Observed, memory: _Memory, now: float) -> Verdict:
        since = now if memory.unready_since is None else memory.unready_since
        # One that starts may take the time that its profile gives it.
        limit = self.patience.hung_after if memory.was_ready else max(self.patience.hung_after, service.deadline)
        if now - since < limit or not _has_what_it_needs(service, observed):
            return Verdict(Condition.UNREADY)
        cause = f"it runs, but is not ready for {now - since:.0f} s"
        return Verdict(Condition.HUNG, cause, due=now >= memory.not_before)

    def started(self, name: str, now: float) -> tuple[int, float]:
        """Note a start; return how many there were since the service was well, and the seconds to the next one."""
        memory = self._memories.setdefault(name, _Memory())
        memory.starts += 1
        memory.ready_since = memory.unready_since = None
        wait = self.patience.wait_after(memory.starts)
        memory.not_before = now + wait
        return memory.starts, wait


def _has_what_it_needs(service: Service, observed: Observed) -> bool:
    """Whether all that it requires is ready, and of the rest at least one: else its being unready is not its fault."""

    def is_ready(name: str) -> bool:
        found = observed.find(name)
        return found is not None and bool(found.ready)

    optional = [need.service for need in service.depends_on if not need.required]
    required = all(is_ready(need.service) for need in service.depends_on if need.required)
    return required and (not optional or any(map(is_ready, optional)))
