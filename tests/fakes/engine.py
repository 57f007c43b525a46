"""An engine in memory; the contract suite holds it to what the real one does."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from aisuite.errors import EngineUnavailable, NotRunning, StepFailed
from aisuite.plan.observed import Findings, Observed, ObservedService, State
from aisuite.stack.model import EngineName, Service, Stack

_ALIVE = frozenset({State.STARTING, State.RUNNING, State.PAUSED, State.ORPHANED})


@dataclass(frozen=True)
class Program:
    """How a service behaves; by default it starts, is ready at once, and runs for ever."""

    says: tuple[str, ...] = ()  # lines in its log, at every start
    refuses: str | None = None  # why it cannot be started at all
    dies: int | None = None  # ends with this exit code as soon as it is started
    ready_after: int = 0  # probes that find it unready before the first that finds it ready
    never_ready: bool = False
    noticed: Findings = field(default_factory=Findings)


@dataclass
class FakeWorld:
    """The truth about one project, which all engines on it share."""

    up: bool = False
    services: dict[str, ObservedService] = field(default_factory=dict)
    descriptions: dict[str, Service] = field(default_factory=dict)
    logs: dict[str, list[str]] = field(default_factory=dict)
    log_begins: dict[str, int] = field(default_factory=dict)
    probed: dict[str, int] = field(default_factory=dict)
    port_holders: dict[int, str] = field(default_factory=dict)
    pids: Iterator[int] = field(default_factory=lambda: itertools.count(1001))
    changed: threading.Condition = field(default_factory=threading.Condition)


class FakeEngine:
    """Keeps services in a world; `calls` is what it was told, in order ("open", "start chat", ...)."""

    def __init__(
        self, programs: Mapping[str, Program] | None = None, world: FakeWorld | None = None, unavailable: str = ""
    ) -> None:
        self.programs = dict(programs or {})
        self.world = world or FakeWorld()
        self.unavailable = unavailable
        self.calls: list[str] = []

    @property
    def name(self) -> EngineName:
        return "process"

    def observe(self) -> Observed:
        with self.world.changed:
            services = sorted(self.world.services.values(), key=lambda service: service.name)
            return Observed(engine_up=self.world.up, services=tuple(services))

    def open(self, stack: Stack) -> None:
        self._tell("open")
        if self.unavailable:
            raise EngineUnavailable(self.unavailable)
        with self.world.changed:
            for name, service in list(self.world.services.items()):
                if service.state is State.ORPHANED or not self.world.up:
                    del self.world.services[name]
            self.world.up = True

    def start(self, service: Service, fingerprint: Mapping[str, str]) -> None:
        self._tell(f"start {service.name}")
        program = self.programs.get(service.name, Program())
        with self.world.changed:
            if not self.world.up:
                raise StepFailed(f"{service.name}: the engine is not running")
            self._forget(service.name)
            if program.refuses is not None:
                self.say(service.name, program.refuses)
                raise StepFailed(f"{service.name} could not be started: {program.refuses}")
            self.world.descriptions[service.name] = service
            self.world.log_begins[service.name] = len(self.world.logs.get(service.name, []))
            fresh = ObservedService(service.name, State.RUNNING, fingerprint=dict(fingerprint))
            self._run(fresh, program)

    def _run(self, service: ObservedService, program: Program) -> None:
        self.say(service.name, *program.says)
        self.world.probed[service.name] = 0
        pid = next(self.world.pids)
        alive = replace(service, state=State.RUNNING, pid=pid, started_at=time.time(), exit_code=None)
        dead = replace(service, state=State.RESTARTING, pid=None, started_at=None, exit_code=program.dies)
        self.world.services[service.name] = alive if program.dies is None else dead

    def stop(self, name: str) -> None:
        self._tell(f"stop {name}")
        with self.world.changed:
            self._forget(name)

    def close(self) -> None:
        self._tell("close")
        with self.world.changed:
            for name in list(self.world.services):
                self._forget(name)
            self.world.up = False

    def log_tail(self, name: str, lines: int) -> tuple[str, ...]:
        with self.world.changed:
            log = self.world.logs.get(name, [])[self.world.log_begins.get(name, 0) :]
            return tuple(log[max(0, len(log) - lines) :])

    def examine(self, name: str) -> Findings:
        return self.programs.get(name, Program()).noticed

    def port_holders(self) -> Mapping[int, str]:
        return self.world.port_holders

    def follow(self, name: str, lines: int) -> Iterator[str]:
        with self.world.changed:
            tail = self.log_tail(name, lines)
            told = len(self.world.logs.get(name, []))
        yield from tail
        while True:
            with self.world.changed:
                while len(self.world.logs.get(name, [])) <= told:
                    self.world.changed.wait()
                fresh = self.world.logs[name][told:]
                told += len(fresh)
            yield from fresh

    def signal(self, name: str, signal_name: str) -> None:
        self._tell(f"signal {name} {signal_name}")
        with self.world.changed:
            service = self.world.services.get(name)
            if service is None or service.state not in _ALIVE:
                raise NotRunning(f"{name} is not running")
            if signal_name in ("KILL", "TERM"):
                self._run(replace(service, restarts=service.restarts + 1), self.programs.get(name, Program()))
            else:
                state = State.PAUSED if signal_name == "STOP" else State.RUNNING
                self.world.services[name] = replace(service, state=state)

    def say(self, name: str, *lines: str) -> None:
        """Let a service write into its log."""
        with self.world.changed:
            self.world.logs.setdefault(name, []).extend(lines)
            self.world.changed.notify_all()

    def crash(self) -> None:
        """Let the engine's machinery die; its services live on."""
        with self.world.changed:
            self.world.up = False
            for name, service in self.world.services.items():
                gone = service.state not in _ALIVE
                self.world.services[name] = replace(service, state=State.EXITED if gone else State.ORPHANED)

    def _forget(self, name: str) -> None:
        self.world.services.pop(name, None)
        self.world.descriptions.pop(name, None)
        self.world.log_begins.pop(name, None)

    def _tell(self, call: str) -> None:
        with self.world.changed:
            self.calls.append(call)
