"""Traffic that was made up beforehand."""

from __future__ import annotations

from collections.abc import Callable

from aisuite.drill.model import Request
from aisuite.ports.load import LoadPlan

Script = Callable[[LoadPlan], tuple[Request, ...]]


class FakeLoadRun:
    def __init__(self, requests: Callable[[], tuple[Request, ...]]) -> None:
        self._requests = requests
        self.stopped = False

    def seen(self) -> tuple[Request, ...]:
        return tuple(sorted(self._requests(), key=lambda request: request.end))

    def stop(self, grace: float = 30.0) -> tuple[Request, ...]:
        self.stopped = True
        return tuple(sorted(self._requests(), key=lambda request: request.start))


class FakeLoad:
    """Answers every plan with the requests that `script` makes of it; `plans` and `runs` are what was begun."""

    def __init__(self, script: Script = lambda plan: ()) -> None:
        self.script = script
        self.plans: list[LoadPlan] = []
        self.runs: list[FakeLoadRun] = []

    def begin(self, plan: LoadPlan) -> FakeLoadRun:
        self.plans.append(plan)
        run = FakeLoadRun(lambda: self.script(plan))
        self.runs.append(run)
        return run
