"""The words of a drill, after Chaos Toolkit: steady state, method (a fault), rollbacks, and what the load saw.

Times are seconds since the steady state before the fault began, on a clock that never goes back; what has a negative
one belongs to the warm-up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Action(StrEnum):
    """What is done to a service. Each can be undone, and undoing it twice is fine."""

    KILL = "kill"  # SIGKILL of its own process, and so of all that it has started
    CRASH = "crash"  # SIGKILL of the process that serves, where its own one has started another for that
    HANG = "hang"  # SIGSTOP; undone by SIGCONT
    PAUSE = "pause"  # the engine's own pause: a container's cgroup freezer
    STOP = "stop"  # taken away; undone by starting it as it was rendered
    RESTART = "restart"
    STAND_IN = "stand-in"  # a stub takes its place and name; undone by starting it as it was rendered
    DISCONNECT = "disconnect"  # from its networks
    DROP = "drop"  # packets to it vanish
    FORGET_NAME = "forget-name"  # its name no longer resolves
    NEW_ADDRESS = "new-address"  # made anew under another address
    FILL_DISK = "fill-disk"
    STARVE = "starve"  # of memory, until the kernel kills it


class Subject(StrEnum):
    """Whom a fault meets, by its part in the stack: service names are the profile's business."""

    FIRST = "first choice"  # the server that the drilled route tries first
    ALL_MODELS = "all model servers"
    GATEWAY = "api-gateway"
    VECTORDB = "qdrant"
    EMBEDDING = "embedding"
    RAG = "rag"


class Traffic(StrEnum):
    """What the load asks for while a fault lasts."""

    CHAT = "chat"  # completions through the gateway
    RAG = "rag"  # retrievals and answers of the RAG service


class StubMode(StrEnum):
    """How a stub answers in a service's place."""

    SERVER_ERROR = "500"
    LOADING = "503"
    TOO_MANY = "429"
    GARBAGE = "garbage"  # a body that is not JSON
    SLOW = "slow"  # after a delay shorter than any time-out
    TOO_SLOW = "too-slow"  # later than LLM_REQUEST_TIMEOUT
    CUT = "cut"  # a stream that breaks off midway
    STALL = "stall"  # a stream that falls silent midway
    POISONED = "poisoned"  # well, but a request with POISON in its prompt gets a 500


POISON = "aisuite-poison"  # what marks a request that a stub in the mode POISONED cannot bear


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The bounds of one fault; None: not judged. Seconds, and shares between 0 and 1."""

    plain_success: float | None = 1.0  # of the plain requests that were begun from the fault on
    p99_added: float | None = 0.5  # p99 from the fault on, minus p99 of the steady state before
    first_good: float | None = None  # from the fault to the end of the first good answer begun after it
    in_flight: float | None = None  # longest that a request under way at the fault may take
    healthy_again: float | None = None  # from the fault (or its rollback, if it is held) to the service's readiness
    back_on_first: float | None = None  # from readiness to the first answer of the first choice
    recovers: float | None = None  # from readiness to the first good answer: after an outage
    explicit_error: float | None = None  # longest until a request that cannot be answered is told so
    streams_marked: float | None = 1.0  # streams that end whole or in an explicit error event
    others_restarted: float | None = 0.0  # times that services were restarted which the fault does not meet


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which the suite may break, and what must hold."""

    name: str
    what: str  # in words
    subject: Subject
    action: Action
    tolerance: Tolerance
    traffic: Traffic = Traffic.CHAT
    mode: StubMode | None = None  # of a stand-in
    held: bool = False  # lasts until it is undone; else it is over at once
    outage: bool = False  # nothing can answer meanwhile: not counted in the success of the whole matrix
    # Seconds that the suite may take to notice. Requests begun meanwhile count as under way at the fault.
    notice: float = 0.0
    also: tuple[tuple[Action, Subject], ...] = ()  # done right after it, and undone before it


@dataclass(frozen=True, slots=True)
class Request:
    """One line of requests.jsonl: what one client saw."""

    kind: str  # "plain", "stream", "rag", "poison"
    start: float
    first_byte: float | None
    end: float
    status: int | None  # None: no answer at all
    server: str | None  # which server answered, as the gateway's header x-litellm-model-id says it
    complete: bool  # the whole answer came: for a stream its [DONE] or finish_reason
    error: str | None = None  # in words; for a stream the error event, empty when it just fell silent

    @property
    def good(self) -> bool:
        """Whether the client got what it asked for."""
        return self.status == 200 and self.complete and self.error is None

    @property
    def marked(self) -> bool:
        """Whether a client can tell how it ended."""
        return self.good or bool(self.error)


@dataclass(frozen=True, slots=True)
class Moments:
    """When what happened, in one experiment; None: it did not."""

    fault: float  # for a stand-in: when it is in place
    breaking: float | None = None  # when putting it in place began; requests from then to `fault` are not judged
    undone: float | None = None
    unhealthy: float | None = None  # first probe that failed
    healthy: float | None = None  # first good probe after the fault (after `undone` when it is held)
    end: float = 0.0

    @property
    def broken_from(self) -> float:
        """When the drill began to break something."""
        return self.fault if self.breaking is None else self.breaking


class Outcome(StrEnum):
    """The verdict on one fault."""

    PASS = "pass"  # noqa: S105
    DEGRADED = "degraded"  # within bounds, but the steady state did not come back as it was
    FAIL = "fail"
    NOT_AVAILABLE = "not available here"


@dataclass(frozen=True, slots=True)
class Judged:
    """One bound, what was measured, and whether it held. `measured` None: it did not happen at all."""

    name: str  # a field of Tolerance
    bound: float
    measured: float | None
    held: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """One experiment with one fault, judged."""

    fault: str
    outcome: Outcome
    why: str  # in words; for NOT_AVAILABLE what is missing
    judged: tuple[Judged, ...] = ()
    figures: Mapping[str, float | None] = field(default_factory=dict)  # p50, p95, p99, counts ... see drill/figures.py
    moments: Moments | None = None
    errors: Mapping[str, int] = field(default_factory=dict)  # words -> how often
    restarted: Mapping[str, str] = field(default_factory=dict)  # services that nobody asked to -> how, in words


@dataclass(frozen=True, slots=True)
class Undo:
    """One entry of the journal: what must be undone, written before it is done."""

    fault: str
    action: Action
    service: str
    mode: StubMode | None = None

    @property
    def lasting(self) -> bool:
        """Whether it outlives the service that it was done to."""
        return self.action is Action.FILL_DISK
