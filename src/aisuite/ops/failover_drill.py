"""`aisuite failover-drill`: break what may break, one thing at a time, and measure what clients see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aisuite.drill.catalogue import CATALOGUE
from aisuite.drill.figures import matrix_success
from aisuite.drill.model import Outcome, Traffic
from aisuite.drill.verdict import not_available
from aisuite.errors import DrillFailed, NotRunning, StackError, StepFailed, UsageError
from aisuite.ops.drill_bench import COLLECTION, Bench, Crowd, needs_fallback
from aisuite.ops.drill_steady import find_unhealthy, observe, refuse_other_clients
from aisuite.ops.drill_trial import NotHealthy, NotSteady, experiment, not_begun
from aisuite.ops.drill_undo import read_journal, undo_left
from aisuite.ops.record import require_record
from aisuite.ops.restart import rendered_as_up_did
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.drill.model import Fault, Request, Trial, Undo
    from aisuite.ports import Chat, Deps
    from aisuite.ports.faults import Faults
    from aisuite.ports.load import Load
    from aisuite.stack.model import Route, Stack

WHOLE_MATRIX = 0.995  # of the plain requests of all trials but those of outages must succeed

_TOLD = "The drill of the suite retrieves this sentence, again and again, while things break."
_INDEX_TIMEOUT = 60.0
_DELETE_TIMEOUT = 10.0

Keep = Callable[["Trial", Sequence["Request"]], None]


@dataclass(frozen=True, slots=True)
class DrillRequest:
    """What shall be broken, and under which traffic."""

    stack: Stack
    faults: tuple[Fault, ...]
    crowd: Crowd = field(default_factory=Crowd)
    route: str | None = None  # None: the first with a fallback
    repeat: int = 1
    force: bool = False  # also while others use the suite


@dataclass(frozen=True, slots=True)
class Doors:
    """What a drill needs of the outside, beside what every use case does."""

    faults: Faults
    load: Load
    chat: Chat
    keep: Keep = lambda *_: None  # is given every trial as it ends, with all its requests


@dataclass(frozen=True, slots=True)
class DrillReport:
    """All trials in the order in which they were made."""

    trials: tuple[Trial, ...]
    success: float | None  # share of plain requests that succeeded in all trials but those of outages
    seconds: float

    @property
    def exit_code(self) -> int:
        """0, or 6 when a fault was not borne as it must be, or too many requests were lost in all."""
        failed = any(one.outcome is Outcome.FAIL for one in self.trials)
        lost = self.success is not None and self.success < WHOLE_MATRIX
        return DrillFailed.exit_code if failed or lost else 0


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault as it would be made; `why_not` says in words why it cannot be, here."""

    fault: Fault
    services: tuple[str, ...]
    seconds: float
    why_not: str | None


@dataclass(frozen=True, slots=True)
class DrillEvent:
    """How far a drill is."""

    fault: str
    number: int  # of all trials, from 1
    of: int
    what: str


def drill(
    request: DrillRequest, deps: Deps, doors: Doors, listen: Callable[[DrillEvent], None] = lambda _: None
) -> DrillReport:
    """Make every experiment, and judge each. The stack is left as it was found.

    Raises NotRunning, DriftError, UsageError, StepFailed and ProjectLocked before anything is broken.
    """
    began = deps.clock.monotonic()
    with deps.workdir.lock("failover-drill"):
        bench = _prepare(request, deps, doors)
        with _collection(bench, request, doors.chat):
            trials = _trials(bench, request, doors, listen)
    made = [(CATALOGUE[one.fault], one.figures) for one in trials if one.figures]
    return DrillReport(trials, matrix_success(made), deps.clock.monotonic() - began)


def plan_drill(request: DrillRequest, deps: Deps, doors: Doors) -> tuple[Planned, ...]:
    """Return what a drill would do; breaks nothing. Raises NotRunning, UsageError."""
    bench = _bench(request, deps, doors)
    return tuple(
        Planned(fault, tuple(entry.service for entry in bench.entries(fault)), bench.lasts(fault), bench.why_not(fault))
        for fault in request.faults
    )


def undo_drill(stack: Stack, deps: Deps) -> tuple[Undo, ...]:
    """Repair what a killed drill has left broken; return it. Raises StepFailed, EngineUnavailable, ProjectLocked."""
    if not read_journal(deps.workdir):
        return ()
    with deps.workdir.lock("failover-drill --undo"):
        return undo_left(stack, deps)


def _prepare(request: DrillRequest, deps: Deps, doors: Doors) -> Bench:
    """Return the bench of a stack that may be broken. Raises for one that may not."""
    if read_journal(deps.workdir):
        raise StepFailed("a drill was killed, and what it broke is not repaired", "aisuite failover-drill --undo")
    rendered_as_up_did(request.stack, deps.renderer, deps.workdir)
    bench = _bench(request, deps, doors)
    unhealthy = find_unhealthy(bench, observe(bench))
    if unhealthy:
        raise NotHealthy(f"the stack is not steady: {unhealthy}", "aisuite status")
    if not request.force:
        refuse_other_clients(bench)
    return bench


def _bench(request: DrillRequest, deps: Deps, doors: Doors) -> Bench:
    record = require_record(deps.workdir)
    route = _route(request)
    return Bench(
        stack=request.stack,
        deps=deps,
        faults=doors.faults,
        load=doors.load,
        route=route,
        crowd=request.crowd,
        keys=_keys(request.stack, deps),
        start_seconds={one.name: one.seconds_to_healthy or 0.0 for one in record.services},
    )


def _route(request: DrillRequest) -> Route:
    """Return the route to drill. Raises UsageError when there is none, or when it has no fallback to test."""
    routes = {route.name: route for route in request.stack.routes}
    if request.route is not None and request.route not in routes:
        known = ", ".join(routes)
        raise UsageError(f"drill.route: there is no route {request.route!r}; there are {known}", "aisuite config show")
    with_fallback = [route for route in routes.values() if len(route.targets) > 1]
    route = routes[request.route] if request.route else next(iter(with_fallback or routes.values()))
    if len(route.targets) < 2 and any(needs_fallback(fault) for fault in request.faults):
        raise UsageError(
            f"there is no fallback to test: route {route.name} has one server, {route.targets[0].service}",
            "give it a second one in the profile, then: aisuite up",
        )
    return route


def _keys(stack: Stack, deps: Deps) -> Mapping[str, str]:
    found = {name: deps.workdir.read(f"secrets/{name}") for name in ("gateway_key", "service_key")}
    missing = [name for name, key in found.items() if key is None and name in stack.secrets]
    if missing:
        raise NotRunning(f"the key {missing[0]} is missing in {deps.workdir.folder}", "aisuite up")
    return {name: (key or "").strip() for name, key in found.items()}


@contextmanager
def _collection(bench: Bench, request: DrillRequest, chat: Chat) -> Iterator[None]:
    """Keep one document in a collection of the drill's own, where a fault needs one; afterwards it is gone."""
    if not any(fault.traffic is Traffic.RAG and bench.why_not(fault) is None for fault in request.faults):
        yield
        return
    (rag,) = (service.published.url for service in bench.stack.services if service.role is Role.RAG)
    key = bench.keys["service_key"]
    body = {"collection": COLLECTION, "documents": [{"id": "drill", "source": "drill", "text": _TOLD}]}
    chat.post(f"{rag}/index", key, body, _INDEX_TIMEOUT)
    try:
        yield
    finally:
        with suppress(StackError):  # a stack that did not recover: the next drill takes the same one, and removes it
            chat.delete(f"{rag}/collections/{COLLECTION}", key, _DELETE_TIMEOUT)


def _trials(
    bench: Bench, request: DrillRequest, doors: Doors, listen: Callable[[DrillEvent], None]
) -> tuple[Trial, ...]:
    """Make each fault as often as asked for; after one that leaves a service unhealthy, none."""
    planned = [fault for fault in request.faults for _ in range(request.repeat)]
    trials: list[Trial] = []
    lost = ""
    for number, fault in enumerate(planned, 1):
        tell = _teller(listen, fault, number, len(planned))
        requests: Sequence[Request] = ()
        reason = bench.why_not(fault)
        try:
            if reason is not None:
                trial = not_available(fault, reason)
            elif lost:
                trial = not_begun(fault, lost)
            else:
                trial, requests = experiment(bench, fault, tell)
        except NotSteady as err:
            if all(one.outcome is Outcome.NOT_AVAILABLE for one in trials):
                raise
            lost, trial = err.message if isinstance(err, NotHealthy) else "", not_begun(fault, err.message)
        doors.keep(trial, requests)
        trials.append(trial)
        tell(f"{trial.outcome}: {trial.why}")
    return tuple(trials)


def _teller(listen: Callable[[DrillEvent], None], fault: Fault, number: int, of: int) -> Callable[[str], None]:
    return lambda what: listen(DrillEvent(fault.name, number, of, what))
