"""Carry out a plan: as parallel as its graph allows, every service waited for with its own deadline."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from aisuite.errors import AisuiteError, NotReady, StepFailed
from aisuite.ops.diagnose import diagnose, find_cpu_fallback, how_it_ended
from aisuite.ops.uninterrupted import uninterrupted
from aisuite.plan.fingerprint import fingerprint
from aisuite.plan.model import Plan, Step, Verb
from aisuite.plan.observed import State
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Future

    from aisuite.ports import Deps
    from aisuite.stack.model import Dependency, Service, Stack

_POLL = 0.05  # seconds between two probes of one service
_LOOKS_EVERY = 8  # probes between two looks at the engine: a dead process is seen within half a second
_LINES_OF_A_START = 1000  # a model server writes some hundred
_DEAD = frozenset({State.EXITED, State.FAILED, State.RESTARTING})


class Status(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step with its end; `seconds` from its own start to ready."""

    step: Step
    status: Status
    seconds: float = 0.0
    error: AisuiteError | None = None


def failures_of(results: Iterable[StepResult]) -> list[AisuiteError]:
    """Return what the failed steps failed with, each error once: an engine that does not open fails every step."""
    failed = (one.error for one in results if one.status is Status.FAILED and one.error is not None)
    return list(dict.fromkeys(failed))


def raise_what_is_fatal(stack: Stack, results: tuple[StepResult, ...], *, strict: bool = False) -> None:
    """Raise unless everything is done, or only model servers failed and every route still has one."""
    bad = [result for result in results if result.status is not Status.DONE]
    if not bad:
        return
    down = {result.step.subject for result in bad}
    roles = {service.name: service.role for service in stack.services}
    only_models = all(roles.get(name) is Role.INFERENCE for name in down)
    served = all(any(target.service not in down for target in route.targets) for route in stack.routes)
    if only_models and served and not strict:
        return
    failed = failures_of(bad)
    raise failed[0] if len(failed) == 1 else _several(failed)


def _several(failed: list[AisuiteError]) -> AisuiteError:
    if not failed:
        return StepFailed("the run was cancelled")
    message = "\n".join([f"{len(failed)} services did not come up:", *(f"- {err.message}" for err in failed)])
    hints = [err.hint for err in failed if isinstance(err, NotReady) and err.hint]
    return StepFailed(message, hints[0] if hints else None)


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to a step: "begin", "start" (its process comes now), "progress" or its final status."""

    kind: str
    step: Step
    detail: str = ""
    seconds: float = 0.0


class _Cancelled(Exception):
    """Another step failed, or the user pressed Ctrl-C."""


class PlanRun:
    """One execution of one plan. `run()` never raises for a failed step; results say it."""

    def __init__(
        self,
        stack: Stack,
        rendered: Mapping[str, str],
        plan: Plan,
        deps: Deps,
        listen: Callable[[Event], None],
        *,
        strict: bool = False,
    ) -> None:
        self._strict = strict
        self._stack, self._rendered, self._plan, self._deps, self._listen = stack, rendered, plan, deps, listen
        self._stop = threading.Event()
        self._opened: Future[None] | None = None
        self._futures: dict[str, Future[StepResult]] = {}
        self.begun: list[str] = []  # services this run has started, in order

    def run(self) -> tuple[StepResult, ...]:
        """Open the engine and carry out all steps; returns their results in the plan's order.

        Ctrl-C waits for the threads, then raises.
        """
        steps = self._plan.steps
        # One thread for each step: a step only waits for earlier ones, so this cannot deadlock.
        with ThreadPoolExecutor(max_workers=len(steps) + 1, thread_name_prefix="step") as pool:
            if any(step.verb is not Verb.PREPARE for step in steps):
                # Beside the preparations: both take a moment, and neither needs the other.
                self._opened = pool.submit(self._deps.engine.open, self._stack)
            for step in steps:
                self._futures[step.id] = pool.submit(self._settle, step)
            try:
                wait_for(self._futures.values())
                if self._opened is not None:
                    wait_for([self._opened])
            except BaseException:
                self._stop.set()
                raise
        return tuple(self._futures[step.id].result() for step in steps)

    def undo(self) -> None:
        """Stop what this run has started, last first; a second Ctrl-C does not interrupt it."""
        with uninterrupted():
            for name in reversed(self.begun):
                self._deps.engine.stop(name)

    def _settle(self, step: Step) -> StepResult:
        blocked = self._blocked_by(step)
        if blocked or self._stop.is_set():
            return StepResult(step, Status.SKIPPED, error=blocked)
        began = self._deps.clock.monotonic()
        self._listen(Event("begin", step, step.cause))
        try:
            self._execute(step)
        except _Cancelled:
            return StepResult(step, Status.SKIPPED)
        except AisuiteError as err:
            result = StepResult(step, Status.FAILED, self._deps.clock.monotonic() - began, err)
            self._after_failure(step)
        else:
            result = StepResult(step, Status.DONE, self._deps.clock.monotonic() - began)
        self._listen(Event(result.status, step, str(result.error or ""), result.seconds))
        return result

    def _blocked_by(self, step: Step) -> NotReady | None:
        """Wait for what comes before; return why the step cannot run, if it cannot."""
        for step_id in step.turn:
            self._futures[step_id].result()
        before = {step_id: self._futures[step_id].result() for step_id in step.after}
        lost = {result.step.subject for result in before.values() if result.status is not Status.DONE}
        if not lost:
            return None
        needs = self._needs(step)
        hard = sorted((lost & {need.service for need in needs if need.required}) | (lost - {n.service for n in needs}))
        soft = {need.service for need in needs if not need.required}
        if hard or (soft and soft <= lost):
            return NotReady(step.subject, f"not started, because {', '.join(hard or sorted(soft))} did not come up")
        return None

    def _needs(self, step: Step) -> tuple[Dependency, ...]:
        return () if step.verb in {Verb.PREPARE, Verb.STOP} else self._stack.service(step.subject).depends_on

    def _after_failure(self, step: Step) -> None:
        """One model server may fail and the suite still works; anything else ends the run, and all does when strict."""
        serves = step.verb not in {Verb.PREPARE, Verb.STOP}
        tolerable = not self._strict and serves and self._stack.service(step.subject).role is Role.INFERENCE
        if tolerable:
            self._deps.engine.stop(step.subject)  # no crash loop in the background
        else:
            self._stop.set()

    def _execute(self, step: Step) -> None:
        if step.verb is Verb.PREPARE:
            self._deps.preparers[step.subject].run(lambda *told: self._pass_on(step, *told))
            return
        if self._opened is not None:
            self._opened.result()
        if step.verb in {Verb.STOP, Verb.RECREATE}:
            self._deps.engine.stop(step.subject)
        if step.verb is Verb.STOP:
            return
        service = self._stack.service(step.subject)
        restarts = 0
        if step.verb is Verb.WAIT:
            restarts = self._restarts_of(service)
        else:
            self.begun.append(service.name)
            self._listen(Event("start", step))
            self._deps.engine.start(service, fingerprint(service, self._rendered))
        self._wait_until_ready(service, restarts)
        self._check_card(service)

    def _pass_on(self, step: Step, stage: str, done: int, total: int) -> None:
        """Report progress; a cancelled run ends the preparation here."""
        if self._stop.is_set():
            raise _Cancelled
        self._listen(Event("progress", step, f"{stage} {done}/{total}" if total else stage))

    def _restarts_of(self, service: Service) -> int:
        found = self._deps.engine.observe().find(service.name)
        return found.restarts if found is not None else 0

    def _wait_until_ready(self, service: Service, restarts: int) -> None:
        """Probe until the service is ready; `restarts` are those that it had before this run waited for it."""
        clock, deadline = self._deps.clock, self._deps.clock.monotonic() + service.deadline
        probes = 0
        while not (answer := self._deps.probe.ask(service.ready_url)).ready:
            if self._stop.is_set():
                raise _Cancelled
            probes += 1
            if probes % _LOOKS_EVERY == 0:
                self._check_alive(service, restarts)
            if clock.monotonic() > deadline:
                self._check_alive(service, restarts)
                cause = f"not ready after {service.deadline}; it says: {answer.reason}"
                log = self._deps.engine.log_tail(service.name, 40)
                raise diagnose(service, None, log, cause)
            clock.sleep(_POLL)

    def _check_card(self, service: Service) -> None:
        """Raise NotReady for a service that answers from the CPU although it was given a card."""
        if service.gpu:
            fallback = find_cpu_fallback(service, self._deps.engine.log_tail(service.name, _LINES_OF_A_START))
            if fallback is not None:
                raise fallback

    def _check_alive(self, service: Service, restarts: int) -> None:
        found = self._deps.engine.observe().find(service.name)
        if found is not None and found.state not in _DEAD and found.restarts <= restarts:
            return
        findings = self._deps.engine.examine(service.name)
        code = found.exit_code if found else None
        if code is None and findings.exit_codes:
            code = findings.exit_codes[-1]  # it was started again meanwhile
        log = self._deps.engine.log_tail(service.name, 40)
        ends = max(len(findings.exit_codes), found.restarts if found else 0) - restarts
        raise diagnose(service, code, log, how_it_ended(code, ends), findings)
