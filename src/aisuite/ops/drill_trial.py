"""One experiment: steady state, a fault, observation under load, rollback, steady state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aisuite.drill.figures import errors, figures
from aisuite.drill.model import Moments, Outcome, Trial
from aisuite.drill.verdict import judge, with_restarts
from aisuite.errors import StepFailed
from aisuite.ops.drill_steady import (
    begun_since,
    find_unhealthy,
    find_unsteady,
    how_restarted,
    observe,
    restarts,
    wait_until_healthy,
)
from aisuite.ops.drill_undo import broken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aisuite.drill.model import Fault, Request, Undo
    from aisuite.ops.drill_bench import Bench
    from aisuite.plan.observed import Observed
    from aisuite.ports.load import LoadRun
    from aisuite.stack.model import Service

_POLL = 0.2
_PROBE_TIMEOUT = 1.0
_SETTLES = 60.0  # seconds that the steady state may need to come back, beyond what the stack itself needs
_CALM = 3.0  # seconds of good answers that prove it
_SWAP = 10.0  # seconds that a stand-in, or who comes back after it, may need to answer
_ROUNDS = 4  # of the gateway's own probes, in which the steady state before it must be found
_BETWEEN = 1.0  # seconds until it is looked for again
_WARM_UP = 2.0  # seconds of traffic that nobody judges


class NotSteady(StepFailed):
    """Nothing may be broken now: what a drill compares with is not there."""


class NotHealthy(NotSteady):
    """A service is not healthy, and does not become so by itself."""


class _Watch:
    """Probes the services that a fault meets, and notes when they go and come back."""

    def __init__(self, bench: Bench, services: Sequence[Service], zero: float) -> None:
        self._deps, self._services, self._zero = bench.deps, services, zero
        self.moments = Moments(fault=self.now())
        self._done = self.moments.fault

    def now(self) -> float:
        """Seconds since the experiment began."""
        return self._deps.clock.monotonic() - self._zero

    def until(self, moment: float, *, returns: bool) -> None:
        """Probe until the moment; `returns`: the first good probe after a bad one means that they are back."""
        while self.now() < moment:
            self.look(returns=returns)
            self._deps.clock.sleep(_POLL)

    def look(self, *, returns: bool) -> None:
        """Probe once."""
        ready = any(self._deps.probe.ask(one.ready_url, _PROBE_TIMEOUT).ready for one in self._services)
        if not ready and self.moments.unhealthy is None:
            self.moments = replace(self.moments, unhealthy=self.now())
        if ready and returns and self.moments.healthy is None and self.moments.unhealthy is not None:
            self.moments = replace(self.moments, healthy=self.now())

    def note_in_place(self, fault: Fault) -> None:
        """Note that the fault is made; a stand-in is judged from here on."""
        self._done = self.now()
        if fault.mode is not None:
            self.moments = replace(self.moments, breaking=self.moments.fault, fault=self._done)

    def note_undone(self, fault: Fault) -> None:
        """Note the end of a fault; a service that no probe found unhealthy was well as soon as it was made."""
        if fault.held:
            self.moments = replace(self.moments, undone=self.now(), unhealthy=self.moments.unhealthy or self.now())
        elif self.moments.unhealthy is None:
            self.moments = replace(self.moments, healthy=self._done)


def experiment(bench: Bench, fault: Fault, listen: Callable[[str], None]) -> tuple[Trial, tuple[Request, ...]]:
    """Break one thing under load, and judge what the clients saw; return that, too.

    What was broken is repaired, whatever happens.

    Raises NotSteady before anything is broken.
    """
    unhealthy = wait_until_healthy(bench, _SETTLES)
    if unhealthy:
        raise NotHealthy(f"the stack is not steady: {unhealthy}", "aisuite status")
    listen("steady state")
    zero, run = _steady_load(bench, fault)
    try:
        before = observe(bench)
        watch = _Watch(bench, bench.met_by(fault.subject), zero)
        listen(f"{fault.action}: {', '.join(entry.service for entry in bench.entries(fault))}")
        with broken(bench.entries(fault), bench.deps, bench.faults, lambda entry: _wait_for_stand_in(bench, entry)):
            watch.note_in_place(fault)
            in_place = bench.deps.engine.observe()
            watch.until(watch.moments.fault + bench.lasts(fault), returns=not fault.held)
        watch.note_undone(fault)
        listen("recovery")
        unsteady = _recover(bench, fault, watch, run)
        after = observe(bench)
    except BaseException:
        run.stop(grace=0.0)
        raise
    requests = run.stop()
    moments = replace(watch.moments, end=watch.now())
    return _judged(bench, fault, requests, moments, _Sides(before, in_place, after, unsteady)), requests


@dataclass(frozen=True, slots=True)
class _Sides:
    """The stack before, with the fault just made, and after; and how it differs in words."""

    before: Observed
    in_place: Observed
    after: Observed
    unsteady: str


def _steady_load(bench: Bench, fault: Fault) -> tuple[float, LoadRun]:
    """Begin the load, and return it with the clock's reading at its zero, when its answers are steady.

    A gateway that has turned away from the first choice, for a probe that came late, turns back after a while.
    Raises NotSteady when it does not.
    """
    clock, unsteady = bench.deps.clock, ""
    deadline = clock.monotonic() + _ROUNDS * (bench.stack.policy.health_interval + _WARM_UP + bench.crowd.before)
    while clock.monotonic() < deadline:
        zero = clock.monotonic() + _WARM_UP
        run = bench.load.begin(bench.traffic(fault, zero))
        try:
            clock.sleep(_WARM_UP + bench.crowd.before)
            unsteady = find_unsteady(begun_since(run.seen(), 0.0), bench.first_id)
        except BaseException:
            run.stop(grace=0.0)
            raise
        if not unsteady:
            return zero, run
        run.stop()
        clock.sleep(_BETWEEN)
    raise NotSteady(f"the stack is not steady: {unsteady}", "aisuite health")


def _wait_for_stand_in(bench: Bench, entry: Undo) -> None:
    """Wait until something answers in a service's place: of two servers one shall answer at any time."""
    clock, url = bench.deps.clock, bench.stack.service(entry.service).ready_url
    deadline = clock.monotonic() + _SWAP
    while entry.mode is not None and clock.monotonic() < deadline:
        if bench.deps.probe.ask(url, _PROBE_TIMEOUT).status is not None:
            return
        clock.sleep(_POLL)


def _recover(bench: Bench, fault: Fault, watch: _Watch, run: LoadRun) -> str:
    """Wait until the steady state is back; say what is wrong with it when it does not come."""
    deadline = watch.now() + _SETTLES + sum(bench.allowances(fault).values())
    while True:
        since = watch.now()
        watch.until(since + _CALM, returns=True)
        unsteady = find_unhealthy(bench, observe(bench))
        unsteady = unsteady or find_unsteady(begun_since(run.seen(), since), bench.first_id)
        if not unsteady or watch.now() >= deadline:
            return unsteady


def _judged(bench: Bench, fault: Fault, requests: Sequence[Request], moments: Moments, sides: _Sides) -> Trial:
    counted = figures(fault, requests, moments, bench.first_id)
    restarted = _restarted(bench, fault, sides)
    counted["others_restarted"] = float(sum(restarted.values()))
    trial = judge(
        bench.judged(fault),
        counted,
        bench.allowances(fault),
        moments,
        errors(fault, requests, moments),
        sides.unsteady,
    )
    engine = bench.deps.engine
    return with_restarts(trial, {name: how_restarted(times, engine.examine(name)) for name, times in restarted.items()})


def _restarted(bench: Bench, fault: Fault, sides: _Sides) -> Mapping[str, int]:
    """Count restarts that nobody asked for: what the fault itself restarts beside its subject, it does once."""
    others = {one.name for one in sides.after.services} - bench.all_met(fault)
    by_itself = restarts(sides.in_place, sides.after, bench.met_beside(fault))
    return {**restarts(sides.before, sides.after, others), **by_itself}


def not_begun(fault: Fault, why: str) -> Trial:
    """Return the trial of a fault that could not be made because an earlier one left the stack unsteady."""
    return Trial(fault.name, Outcome.FAIL, f"not begun: {why}")
