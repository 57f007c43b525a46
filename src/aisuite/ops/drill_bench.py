"""What every experiment of one drill shares: the stack, whom a fault meets, the traffic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aisuite.drill.model import Action, StubMode, Subject, Traffic, Undo
from aisuite.ports.load import LoadPlan
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.drill.model import Fault
    from aisuite.ports import Deps
    from aisuite.ports.faults import Faults
    from aisuite.ports.load import Load
    from aisuite.stack.model import Route, Service, Stack

COLLECTION = "aisuite-drill"

_POISON_EVERY = 2.0
_RAG_CLIENTS = 4
_BESIDE = 5.0  # seconds of observation that a fault has at least, beyond what it may take
_ROLES = {
    Subject.GATEWAY: Role.GATEWAY,
    Subject.VECTORDB: Role.VECTORDB,
    Subject.EMBEDDING: Role.EMBEDDING,
    Subject.RAG: Role.RAG,
}


@dataclass(frozen=True, slots=True)
class Crowd:
    """How much traffic there is, and for how long. Times in seconds."""

    plain: int = 20
    streams: int = 5
    pause: float = 0.5  # between two requests of one client
    before: float = 10.0  # of steady state before a fault
    duration: float = 60.0  # of each fault


@dataclass(frozen=True, slots=True)
class Bench:
    """One running stack, with everything that breaks it and looks at it."""

    stack: Stack
    deps: Deps
    faults: Faults
    load: Load
    route: Route
    crowd: Crowd
    keys: Mapping[str, str]  # of the gateway and of the services, by the name of the secret
    start_seconds: Mapping[str, float]  # service -> what its own start took

    @property
    def first_id(self) -> str:
        """How the gateway calls the first choice of the route in its answers."""
        return f"{self.route.name}--{self.route.targets[0].service}"

    def met_by(self, subject: Subject) -> tuple[Service, ...]:
        """Return the services that a fault on this subject meets; empty when this stack has none."""
        targets = sorted(self.route.targets, key=lambda target: target.order)
        if subject is Subject.FIRST:
            return (self.stack.service(targets[0].service),)
        if subject is Subject.ALL_MODELS:
            return tuple(self.stack.service(target.service) for target in targets)
        return tuple(service for service in self.stack.services if service.role is _ROLES[subject])

    def all_met(self, fault: Fault) -> frozenset[str]:
        """Return the names of all services that a fault meets, directly or by what is done beside it."""
        return frozenset(service.name for service in self.met_by(fault.subject)) | self.met_beside(fault)

    def met_beside(self, fault: Fault) -> frozenset[str]:
        """Return the names of the services that something is done to beside the fault."""
        return frozenset(service.name for _, subject in fault.also for service in self.met_by(subject))

    def entries(self, fault: Fault) -> tuple[Undo, ...]:
        """Return what must be done for a fault, in order."""
        direct = [Undo(fault.name, fault.action, one.name, fault.mode) for one in self.met_by(fault.subject)]
        beside = [Undo(fault.name, action, one.name) for action, subject in fault.also for one in self.met_by(subject)]
        return (*direct, *beside)

    def why_not(self, fault: Fault) -> str | None:
        """Say in words why a fault cannot be made on this stack; None when it can."""
        for action, subject in ((fault.action, fault.subject), *fault.also):
            if not self.met_by(subject):
                return f"phase {self.stack.phase} of this stack has no {subject}"
            reason = self.faults.why_not(action)
            if reason is not None:
                return reason
        if fault.traffic is Traffic.RAG and not self.met_by(Subject.RAG):
            return f"phase {self.stack.phase} of this stack has no RAG service"
        return None

    def allowances(self, fault: Fault) -> dict[str, float]:
        """Return the seconds that the stack itself needs, by the bound that they are added to."""
        added = {"back_on_first": self.stack.policy.cooldown}
        loading = [one.name for one in self.met_by(fault.subject) if _loads(one, fault)]
        if loading:
            added["healthy_again"] = max(self.start_seconds.get(name, 0.0) for name in loading)
        if fault.mode is StubMode.TOO_SLOW:
            added["explicit_error"] = self._longest_wait
        return added

    def judged(self, fault: Fault) -> Fault:
        """Return the fault without the bounds that this traffic says nothing about."""
        if self.crowd.streams == 0:
            return replace(fault, tolerance=replace(fault.tolerance, streams_marked=None))
        return fault

    def lasts(self, fault: Fault) -> float:
        """Return how long a fault is watched: as asked for, and long enough to be judged."""
        waits = self.allowances(fault).get("explicit_error", 0.0) + (fault.tolerance.explicit_error or 0.0)
        return max(self.crowd.duration, fault.notice + _BESIDE, waits + _BESIDE if fault.outage else 0.0)

    def traffic(self, fault: Fault, zero: float) -> LoadPlan:
        """Return the load of an experiment that began when the clock read `zero`."""
        gateway = self._service(Role.GATEWAY)
        plan = LoadPlan(
            zero=zero,
            gateway_url=gateway.published.url,
            gateway_key=self.keys["gateway_key"],
            route=self.route.name,
            plain=self.crowd.plain,
            streams=self.crowd.streams,
            pause=self.crowd.pause,
            patience=self._longest_wait + 30,
            poison_every=_POISON_EVERY if fault.mode is StubMode.POISONED else None,
        )
        if fault.traffic is not Traffic.RAG:
            return plan
        rag = self._service(Role.RAG)
        return replace(
            plan, rag=_RAG_CLIENTS, rag_url=rag.published.url, rag_key=self.keys["service_key"], collection=COLLECTION
        )

    @property
    def _longest_wait(self) -> float:
        """Return the seconds after which the gateway gives up when every server of the route is too slow."""
        policy = self.stack.policy
        return policy.request_timeout * (1 + policy.timeout_attempts) * len(self.route.targets)

    def _service(self, role: Role) -> Service:
        return next(service for service in self.stack.services if service.role is role)


def _loads(service: Service, fault: Fault) -> bool:
    """Whether what the service has to load before it can answer is lost: a model, or all of LiteLLM."""
    return service.role is Role.INFERENCE or (service.role is Role.GATEWAY and fault.action is Action.KILL)


def needs_fallback(fault: Fault) -> bool:
    """Whether the fault only tells something about a route that has a second server."""
    return fault.subject is Subject.FIRST and fault.action is not Action.NEW_ADDRESS
