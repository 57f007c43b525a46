"""Carrying out a plan: what counts as the end of a service, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aisuite.errors import NotReady
from aisuite.ops.carry_out import PlanRun, Status, StepResult
from aisuite.plan.model import Plan, Step, Verb
from aisuite.plan.observed import Findings, State
from tests.fakes.clock import FakeClock
from tests.fakes.engine import Program
from tests.fakes.stacks import make_service, make_stack
from tests.unit.ops.deps import World, make_world

CHAT = make_service("inference-chat", 8001)
STACK = make_stack(CHAT)


def running_after(restarts: int, program: Program) -> World:
    """Return a world in which the chat server runs and was restarted so often."""
    world = make_world({CHAT.name: program})
    world.engine.open(STACK)
    world.engine.start(CHAT, {})
    for _ in range(restarts):
        world.engine.signal(CHAT.name, "KILL")
    return world


def carry_out(verb: Verb, world: World) -> StepResult:
    plan = Plan((Step(verb, CHAT.name, "asked for"),))
    (result,) = PlanRun(STACK, {}, plan, world.deps, lambda _: None).run()
    return result


class RestartingClock(FakeClock):
    """While somebody waits, the engine restarts the service once more."""

    def __init__(self, world: World, state: State) -> None:
        super().__init__()
        self._world, self._state = world, state

    def sleep(self, seconds: float) -> None:
        if not self.slept:
            services = self._world.engine.world.services
            found = services[CHAT.name]
            services[CHAT.name] = replace(found, state=self._state, restarts=found.restarts + 1)
        super().sleep(seconds)


def test_restarts_from_before_do_not_count_against_a_service_that_is_waited_for() -> None:
    world = running_after(3, Program(ready_after=40))
    assert carry_out(Verb.WAIT, world).status is Status.DONE


@pytest.mark.parametrize("state", [State.RUNNING, State.RESTARTING])
@pytest.mark.parametrize("verb", [Verb.WAIT, Verb.START])
def test_a_restart_while_a_service_is_waited_for_is_its_end(verb: Verb, state: State) -> None:
    world = running_after(3, Program(never_ready=True))
    clock = RestartingClock(world, state)
    world = replace(world, deps=replace(world.deps, clock=clock))
    result = carry_out(verb, world)
    assert isinstance(result.error, NotReady)
    assert result.error.cause == "it ended"
    assert clock.slept < CHAT.deadline


def test_only_the_ends_since_the_wait_began_are_told() -> None:
    noticed = Findings(exit_codes=(1, 1, 1, 3, 3))
    world = running_after(3, Program(never_ready=True, noticed=noticed))
    world = replace(world, deps=replace(world.deps, clock=RestartingClock(world, State.RUNNING)))
    result = carry_out(Verb.WAIT, world)
    assert isinstance(result.error, NotReady)
    assert result.error.cause == "it ended with exit code 3, 2 times in a row"


def test_a_model_server_that_answers_from_the_cpu_is_stopped_when_it_was_given_a_card() -> None:
    says = ("warning: no usable GPU found, --gpu-layers option will be ignored",)
    world = make_world({CHAT.name: Program(says=says)})
    stack = make_stack(replace(CHAT, gpu=True))
    plan = Plan((Step(Verb.START, CHAT.name, "asked for"),))
    (result,) = PlanRun(stack, {}, plan, world.deps, lambda _: None).run()
    assert isinstance(result.error, NotReady)
    assert result.error.evidence == says[0]
    assert world.engine.observe().services == ()
