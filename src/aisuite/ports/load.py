"""Steady traffic from clients, and what each of them saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aisuite.drill.model import Request


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What traffic there shall be: each client sends its next request a pause after its last one ended."""

    zero: float  # the monotonic clock's reading from which the times of requests count; it may lie ahead
    gateway_url: str  # "http://127.0.0.1:8000"
    gateway_key: str = field(repr=False)
    route: str
    plain: int  # clients
    streams: int  # clients
    pause: float = 0.5  # seconds
    patience: float = 90.0  # seconds until a client gives up; longer than any time-out of the suite
    rag: int = 0  # clients of the RAG service, beside the others: POST /retrieve
    rag_url: str = ""
    rag_key: str = field(default="", repr=False)
    collection: str = ""  # to retrieve from
    poison_every: float | None = None  # seconds; a request with POISON in its prompt


class LoadRun(Protocol):
    """Traffic that is under way."""

    def seen(self) -> tuple[Request, ...]:
        """Return the requests that have ended so far, by their end."""

    def stop(self, grace: float = 30.0) -> tuple[Request, ...]:
        """Begin no more requests, wait for those under way, and return all, by their start. Idempotent.

        What has not ended within `grace` seconds is broken off and stands there as unanswered.
        """


class Load(Protocol):
    """Makes traffic from this machine, beside the caller: in a process or thread of its own."""

    def begin(self, plan: LoadPlan) -> LoadRun:
        """Start the clients; returns when the first requests are sent. It never raises for what the network does."""
