"""A stack that runs, faults that really take services away, and clients who notice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aisuite.drill.model import Action, Request, Undo
from aisuite.ops.drill_bench import COLLECTION, Crowd
from aisuite.ops.failover_drill import Doors, DrillRequest
from aisuite.ops.up import UpRequest, up
from aisuite.plan.fingerprint import fingerprint
from tests.fakes.chat import FakeChat
from tests.fakes.engine import Program
from tests.fakes.faults import FakeFaults
from tests.fakes.load import FakeLoad
from tests.fakes.stacks import phase2_stack
from tests.unit.ops.deps import World, make_world

if TYPE_CHECKING:
    from aisuite.drill.model import Fault
    from aisuite.ports import Deps
    from aisuite.ports.load import LoadPlan
    from aisuite.stack.model import Stack

_EVERY = 0.5  # seconds between two requests
_TOOK = 0.1


@dataclass
class DrillWorld:
    """`failover`: whether the second choice answers where the first is broken. The clock is a fake one."""

    stack: Stack = field(default_factory=phase2_stack)
    failover: bool = True
    crowd: Crowd = field(default_factory=lambda: Crowd(plain=1, streams=1, before=5.0, duration=10.0))

    def __post_init__(self) -> None:
        self.world: World = make_world()
        self.world.workdir.ensure_secret("gateway_key")
        up(UpRequest(self.stack), self.world.deps)
        self.world.engine.calls.clear()
        self.faults = FakeFaults(on_inject=self._hit)
        self.load = FakeLoad(self._saw)
        rag = self.stack.service("rag").published.url
        self.chat = FakeChat({f"{rag}/index": [{}], f"{rag}/collections/{COLLECTION}": [{}]})
        self.outages: list[tuple[float, float | None]] = []  # of the first choice, by the clock
        self._wrap_undo()

    @property
    def deps(self) -> Deps:
        return replace(self.world.deps, faults=lambda _: self.faults)

    @property
    def clock(self) -> float:
        return self.world.deps.clock.monotonic()

    def request(self, *faults: Fault, **more: object) -> DrillRequest:
        return DrillRequest(self.stack, faults, self.crowd, **more)  # type: ignore[arg-type]

    def doors(self) -> Doors:
        return Doors(self.faults, self.load, self.chat)

    def _hit(self, undo: Undo) -> None:
        engine = self.world.engine
        if undo.action is Action.KILL:
            self.outages.append((self.clock, self.clock + 2.0))
            engine.signal(undo.service, "KILL")
            engine.programs[undo.service] = Program(ready_after=3)
        elif undo.action is Action.HANG:
            self.outages.append((self.clock, None))
            engine.signal(undo.service, "STOP")
        elif undo.action is Action.STOP:
            self.outages.append((self.clock, None))
            engine.stop(undo.service)

    def _wrap_undo(self) -> None:
        taken_back = self.faults.undo

        def undo(entry: Undo) -> None:
            taken_back(entry)
            self.outages = [(begin, self.clock if end is None else end) for begin, end in self.outages]
            if entry.action is Action.HANG:
                self.world.engine.signal(entry.service, "CONT")
            if entry.action is Action.STOP:
                service = self.stack.service(entry.service)
                self.world.engine.start(service, fingerprint(service, {}))

        self.faults.undo = undo  # type: ignore[method-assign]

    def _saw(self, plan: LoadPlan) -> tuple[Request, ...]:
        """One plain request and one stream every half second, answered by the first choice while it is there."""
        found = []
        for number in range(int((self.clock - plan.zero - _TOOK) / _EVERY) + 1):
            start = number * _EVERY
            found += [self._one(kind, start, plan) for kind in ("plain", "stream")]
        return tuple(found)

    def _one(self, kind: str, start: float, plan: LoadPlan) -> Request:
        at = plan.zero + start
        down = any(begin <= at and (end is None or at < end) for begin, end in self.outages)
        first, second = (f"{plan.route}--{one.service}" for one in self.stack.routes[0].targets)
        if down and not self.failover:
            return Request(kind, start, None, start + _TOOK, 500, None, complete=False, error="upstream is gone")
        return Request(kind, start, start + _TOOK / 2, start + _TOOK, 200, second if down else first, complete=True)
