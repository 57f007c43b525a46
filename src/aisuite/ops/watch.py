"""`aisuite watch`: bring back what died from outside, and what hangs. Engines restart only what ends by itself.

It waits for nothing that it starts, so that one slow service never keeps it from another: of what a model server takes
of its card after that, `up` and `restart` tell, which wait.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Never

from aisuite.errors import AisuiteError, HostError, ProjectLocked, StepFailed
from aisuite.ops.look import look
from aisuite.ops.record import Record, read_record, require_record
from aisuite.ops.restart import rendered_as_up_did
from aisuite.plan.fingerprint import fingerprint
from aisuite.plan.supervise import Condition, Patience, Supervision, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aisuite.plan.observed import Observed
    from aisuite.ports import Clock, Deps, Journal, Workdir
    from aisuite.stack.model import Service, Stack

_LEFT = "left"


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """Something seen or done.

    `what`: a `Condition`; "started", "failed"; of the whole project "watching", "idle" (nothing is up), "left"
    (another command works on it).
    """

    at: str  # ISO 8601, UTC
    service: str  # empty: the whole project
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class WatchReport:
    """One round: how each service was found, and what was seen for the first time or done."""

    services: Mapping[str, str]
    events: tuple[WatchEvent, ...]

    @property
    def exit_code(self) -> int:
        """0, or 5 when something could not be started."""
        return StepFailed.exit_code if any(event.what == "failed" for event in self.events) else 0


@dataclass(frozen=True, slots=True)
class _Opened:
    """What `up` has brought up, as it was rendered."""

    record: Record
    stack: Stack
    deps: Deps
    files: Mapping[str, str]


class Watch:
    """A supervisor of one project.

    `reopen` gives the stack that `up` has brought up, and its engine; it is called again after each other `up`.
    """

    def __init__(
        self,
        workdir: Workdir,
        clock: Clock,
        reopen: Callable[[], tuple[Stack, Deps]],
        journal: Journal,
        patience: Patience,
        listen: Callable[[WatchEvent], None] = lambda _: None,
    ) -> None:
        self._workdir, self._clock, self._reopen, self._journal = workdir, clock, reopen, journal
        self._listen = listen
        self._supervision = Supervision(patience)
        self._opened: _Opened | None = None
        self._seen: dict[str, tuple[str, str]] = {}
        self._events: list[WatchEvent] = []

    def forever(self, interval: float) -> Never:
        """Do a round every `interval` seconds until a signal comes. An engine that does not answer does not end it."""
        require_record(self._workdir)
        while True:
            before, opened = self._opened, self._open()
            if opened is None and before is not None:
                self._tell("", "idle", "nothing is up")
            if opened is not None:
                self._round_if_engine_answers(opened, first=opened is not before)
            self._clock.sleep(interval)

    def _round_if_engine_answers(self, opened: _Opened, *, first: bool) -> None:
        try:
            services = self._round(opened)
        except AisuiteError as err:
            self._see("", "failed", err.message)
            return
        if first:
            healthy = sum(condition == Condition.HEALTHY for condition in services.values())
            self._tell("", "watching", f"{healthy} of {len(services)} services are healthy")

    def once(self) -> WatchReport:
        """Do one round. Raises NotRunning, EngineUnavailable, and DriftError when the profile has changed."""
        require_record(self._workdir)
        opened = self._open()
        services = self._round(opened) if opened is not None else {}
        return WatchReport(services, tuple(self._events))

    def _open(self) -> _Opened | None:
        """Return what is up; None after a `down`."""
        record = read_record(self._workdir)
        if record is None:
            self._opened = None
        elif self._opened is None or self._opened.record != record:
            stack, deps = self._reopen()
            self._opened = _Opened(record, stack, deps, rendered_as_up_did(stack, deps.renderer, self._workdir))
        return self._opened

    def _round(self, opened: _Opened) -> dict[str, str]:
        self._events.clear()
        _, verdicts = self._judge(opened)
        for name, verdict in verdicts.items():
            self._see(name, verdict.condition, verdict.cause)
        if any(verdict.due for verdict in verdicts.values()):
            self._bring_back(opened)
        else:
            self._seen.pop("", None)
        return {name: verdict.condition.value for name, verdict in verdicts.items()}

    def _judge(self, opened: _Opened) -> tuple[Observed, dict[str, Verdict]]:
        services, now = opened.stack.services, self._clock.monotonic()
        observed = look({service.name: service.ready_url for service in services}, opened.deps)
        return observed, {service.name: self._supervision.judge(service, observed, now) for service in services}

    def _bring_back(self, opened: _Opened) -> None:
        """Start what is due, unless another command works on the project; then it is left for a later round."""
        try:
            with self._workdir.lock("watch"):
                if read_record(self._workdir) != opened.record:
                    return
                # Again: what was seen without the lock may have been the work of a command that has just ended.
                observed, verdicts = self._judge(opened)
                due = [service for service in opened.stack.services if verdicts[service.name].due]
                if due and not observed.engine_up:
                    opened.deps.engine.open(opened.stack)
                self._seen.pop("", None)
                for service in due:
                    self._start(service, verdicts[service.name], opened)
        except ProjectLocked as err:
            self._see("", _LEFT, err.message.split(" works on ")[0])

    def _start(self, service: Service, verdict: Verdict, opened: _Opened) -> None:
        starts, wait = self._supervision.started(service.name, self._clock.monotonic())
        again = f"start {starts}, the next not before {wait:g} s"
        try:
            opened.deps.engine.start(service, fingerprint(service, opened.files))
        except AisuiteError as err:
            self._tell(service.name, "failed", f"{err.message} ({again})")
        else:
            self._tell(service.name, "started", f"{verdict.cause} ({again})")

    def _see(self, service: str, what: str, detail: str) -> None:
        """Tell what was not so at the last look; that all is well from the beginning is no news."""
        # How long it hangs, and who works here, is no news of its own.
        now, before = (what, "" if what in {Condition.HUNG, _LEFT} else detail), self._seen.get(service)
        self._seen[service] = now
        if now != before and not (before is None and what == Condition.HEALTHY):
            self._tell(service, what, detail)

    def _tell(self, service: str, what: str, detail: str) -> None:
        at = datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="milliseconds")
        event = WatchEvent(at, service, what, detail)
        self._events.append(event)
        with suppress(HostError):  # a full disk does not end the supervision
            self._journal.append({"at": at, "service": service, "event": str(what), "detail": detail})
        self._listen(event)
