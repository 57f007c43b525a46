"""Probes that need no network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aisuite.plan.observed import State
from aisuite.ports import Answer
from tests.fakes.engine import FakeEngine, Program


class FakeProbe:
    """Asks the services of a FakeEngine, as their programs say; without one, nothing listens anywhere."""

    def __init__(self, engine: FakeEngine | None = None) -> None:
        self._engine = engine or FakeEngine()
        self.asked: list[str] = []
        self.tells: dict[str, Any] = {}  # URL to JSON: what `read` gets with a key, and `ask` of a service that answers

    def ask(self, url: str, timeout: float = 2.0) -> Answer:
        self.asked.append(url)
        world = self._engine.world
        with world.changed:
            for name, service in world.descriptions.items():
                if url.startswith(service.published.url + "/"):
                    answer = self._answer(name, timeout)
                    return answer if answer.status is None else replace(answer, told=self.tells.get(url))
        return Answer(False, None, "nothing listens there", 0.0)

    def read(self, url: str, key: str, timeout: float = 2.0) -> Any:
        return self.tells.get(url) if key else None

    def _answer(self, name: str, timeout: float) -> Answer:
        world = self._engine.world
        program = self._engine.programs.get(name, Program())
        world.probed[name] += 1
        state = world.services[name].state
        if state is State.PAUSED:
            return Answer(False, None, f"no answer within {timeout:g} s", timeout)
        if state is State.RESTARTING:
            return Answer(False, None, "nothing listens there", 0.0)
        if program.never_ready or world.probed[name] <= program.ready_after:
            return Answer(False, 503, "HTTP 503: loading", 0.0)
        return Answer(True, 200, "ready", 0.0)
