"""The drill: nothing is broken that may not be, everything is repaired, and the verdict is what clients saw."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aisuite.drill.catalogue import CATALOGUE
from aisuite.drill.model import Action, Outcome, Undo
from aisuite.errors import DriftError, NotRunning, ProjectLocked, StepFailed, UsageError
from aisuite.ops.drill_undo import JOURNAL
from aisuite.ops.failover_drill import drill, plan_drill
from aisuite.plan.observed import Findings
from tests.fakes.chat import FakeChat
from tests.fakes.engine import Program
from tests.unit.ops.drill_world import DrillWorld

if TYPE_CHECKING:
    from aisuite.drill.model import Fault
    from aisuite.ops.failover_drill import DrillReport

KILL, DOWN, PAUSE = CATALOGUE["kill"], CATALOGUE["both-down"], CATALOGUE["pause"]
LATE = CATALOGUE["late-dependency"]


def _drill(world: DrillWorld, *faults: Fault, **more: object) -> DrillReport:
    return drill(world.request(*faults, **more), world.deps, world.doors())


def test_a_kill_that_costs_nobody_anything_passes() -> None:
    world = DrillWorld()
    report = _drill(world, KILL)
    (trial,) = report.trials
    assert trial.outcome is Outcome.PASS, trial.why
    assert report.exit_code == 0
    assert report.success == 1.0
    assert trial.moments is not None
    assert trial.moments.unhealthy is not None
    assert trial.moments.healthy is not None


def test_a_kill_that_costs_a_request_fails_with_exit_code_6() -> None:
    report = _drill(DrillWorld(failover=False), KILL)
    assert [one.outcome for one in report.trials] == [Outcome.FAIL]
    assert report.exit_code == 6
    assert "plain_success" in report.trials[0].why
    assert report.trials[0].errors["plain 500: upstream is gone"] > 0


@pytest.mark.parametrize("raised", [KeyboardInterrupt, StepFailed("boom"), RuntimeError("a bug")])
def test_whatever_ends_a_drill_early_what_was_broken_is_repaired(raised: BaseException) -> None:
    world = DrillWorld()
    world.faults.on_inject = None

    def fail(_undo: Undo) -> None:
        raise raised

    world.faults.on_inject = fail
    with pytest.raises(raised if isinstance(raised, type) else type(raised)):
        _drill(world, DOWN)
    assert world.faults.broken == {}
    assert JOURNAL not in world.world.workdir.files
    assert all(run.stopped for run in world.load.runs)


def test_what_is_done_in_order_is_undone_in_reverse() -> None:
    world = DrillWorld()
    _drill(world, DOWN)
    assert world.faults.done == [
        "inject stop inference-chat",
        "inject stop inference-code",
        "undo stop inference-code",
        "undo stop inference-chat",
    ]


def test_a_stand_in_is_judged_from_when_it_is_in_place() -> None:
    world = DrillWorld()
    world.faults.on_inject = lambda _: world.deps.clock.sleep(1.5)
    (trial,) = _drill(world, CATALOGUE["poison"]).trials
    assert trial.outcome is Outcome.PASS, trial.why
    assert trial.moments is not None
    assert trial.moments.breaking is not None
    assert trial.moments.fault - trial.moments.breaking == pytest.approx(3.0)
    assert world.load.plans[0].poison_every == 2.0


def test_two_drills_at_once_are_refused() -> None:
    world = DrillWorld()
    world.world.workdir.holder = "failover-drill"
    with pytest.raises(ProjectLocked):
        _drill(world, KILL)
    assert world.faults.done == []


def test_nothing_is_broken_while_a_service_is_unhealthy() -> None:
    world = DrillWorld()
    world.world.engine.signal("rag", "STOP")
    with pytest.raises(StepFailed, match="the stack is not steady: rag is unhealthy"):
        _drill(world, KILL)
    assert world.faults.done == []


def test_nothing_is_broken_while_the_first_choice_does_not_answer() -> None:
    world = DrillWorld()
    world.outages.append((0.0, None))
    with pytest.raises(StepFailed, match="the first choice answers 0 of"):
        _drill(world, KILL)
    assert world.faults.done == []


def test_a_gateway_that_has_turned_away_for_a_moment_is_waited_for() -> None:
    world = DrillWorld()
    world.outages.append((0.0, 15.0))
    (trial,) = _drill(world, KILL).trials
    assert trial.outcome is Outcome.PASS, trial.why
    assert [plan.zero for plan in world.load.plans][-1] < 22.0, "as soon as it has turned back, not a probe later"
    assert len(world.load.plans) > 1
    assert all(run.stopped for run in world.load.runs)


def test_nothing_is_broken_while_other_clients_are_active_unless_forced() -> None:
    world = DrillWorld()
    probe = world.world.deps.probe
    gateway = world.stack.service("api-gateway").published.url
    probe.tells[f"{gateway}/health/backlog"] = {"in_flight_requests": 3}  # type: ignore[attr-defined]
    with pytest.raises(StepFailed, match="api-gateway works on 2 of their requests"):
        _drill(world, KILL)
    assert world.faults.done == []
    assert _drill(world, KILL, force=True).trials[0].outcome is Outcome.PASS


def test_a_route_without_a_fallback_is_refused() -> None:
    world = DrillWorld()
    route = world.stack.routes[0]
    alone = replace(world.stack, routes=(replace(route, targets=route.targets[:1]),))
    with pytest.raises(UsageError, match="there is no fallback to test: route chat-7b has one server"):
        drill(replace(world.request(KILL), stack=alone), world.deps, world.doors())


def test_an_unknown_route_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"drill.route: there is no route 'gpt'; there are chat-7b, code-7b"):
        _drill(DrillWorld(), KILL, route="gpt")


def test_nothing_is_drilled_where_nothing_runs() -> None:
    world = DrillWorld()
    world.world.workdir.remove("stack.json")
    with pytest.raises(NotRunning):
        _drill(world, KILL)


def test_a_profile_that_has_changed_since_up_is_refused() -> None:
    world = DrillWorld()
    world.world.workdir.write({"process.txt": "something else"})
    with pytest.raises(DriftError):
        _drill(world, KILL)


def test_what_an_engine_cannot_do_is_listed_and_counts_for_nothing() -> None:
    world = DrillWorld()
    world.faults.not_here[Action.PAUSE] = "local processes cannot be frozen"
    report = _drill(world, PAUSE, KILL)
    assert [one.outcome for one in report.trials] == [Outcome.NOT_AVAILABLE, Outcome.PASS]
    assert report.trials[0].why == "local processes cannot be frozen"
    assert report.exit_code == 0
    assert world.faults.done == ["inject kill inference-chat", "undo kill inference-chat"]


def test_each_fault_is_repeated_as_often_as_asked_for() -> None:
    world = DrillWorld()
    kept = []
    doors = replace(world.doors(), keep=lambda trial, requests: kept.append((trial.fault, len(requests) > 0)))
    report = drill(world.request(KILL, repeat=3), world.world.deps, doors)
    assert [one.fault for one in report.trials] == ["kill"] * 3
    assert kept == [("kill", True)] * 3


def test_after_a_fault_from_which_the_stack_does_not_recover_none_is_made() -> None:
    world = DrillWorld()
    world.faults.undo = lambda undo: world.faults.done.append(f"undo {undo.service}")  # type: ignore[method-assign]
    report = _drill(world, DOWN, KILL)
    assert [one.outcome for one in report.trials] == [Outcome.FAIL, Outcome.FAIL]
    assert report.trials[1].why.startswith("not begun: the stack is not steady: inference-chat is absent")
    assert "inject kill inference-chat" not in world.faults.done


def test_a_rehearsal_says_what_would_be_broken_and_breaks_nothing() -> None:
    world = DrillWorld()
    world.faults.not_here[Action.PAUSE] = "not here"
    planned = plan_drill(world.request(KILL, PAUSE, DOWN), world.deps, world.doors())
    assert [(one.fault.name, one.services, one.why_not) for one in planned] == [
        ("kill", ("inference-chat",), None),
        ("pause", ("inference-chat",), "not here"),
        ("both-down", ("inference-chat", "inference-code"), None),
    ]
    assert [one.seconds for one in planned] == [10.0, 22.0, 20.0]
    assert world.faults.done == []
    assert world.load.plans == []


def test_restarts_of_services_that_the_fault_does_not_meet_fail_it() -> None:
    world = DrillWorld()
    hit = world.faults.on_inject
    assert hit is not None

    def hit_two(undo: Undo) -> None:
        hit(undo)
        world.world.engine.signal("rag", "KILL")

    world.faults.on_inject = hit_two
    world.world.engine.programs["rag"] = Program(noticed=Findings(exit_codes=(1, -9)))
    (trial,) = _drill(world, KILL).trials
    assert trial.outcome is Outcome.FAIL
    assert trial.why == "others_restarted is 1, wanted <= 0 (rag: restarted once, after exit code -9)"
    assert trial.restarted == {"rag": "restarted once, after exit code -9"}


def test_the_drills_own_documents_are_gone_afterwards_whatever_happens() -> None:
    world = DrillWorld()
    _drill(world, CATALOGUE["qdrant-down"])
    assert [sent.url for sent in world.chat.sent] == [
        "http://127.0.0.1:8002/index", "http://127.0.0.1:8002/collections/aisuite-drill",
    ]  # fmt: skip
    assert world.chat.deleted == ["http://127.0.0.1:8002/collections/aisuite-drill"]

    def fail(_undo: Undo) -> None:
        raise KeyboardInterrupt

    world.faults.on_inject = fail
    with pytest.raises(KeyboardInterrupt):
        _drill(world, CATALOGUE["qdrant-down"])
    assert len(world.chat.deleted) == 2


def test_a_drill_without_rag_touches_no_documents() -> None:
    world = DrillWorld()
    _drill(world, KILL)
    assert world.chat.sent == []


def test_documents_that_cannot_be_removed_hide_no_report() -> None:
    world = DrillWorld()
    rag = world.stack.service("rag").published.url
    world.chat = FakeChat({f"{rag}/index": [{}]})
    assert [one.fault for one in _drill(world, CATALOGUE["qdrant-down"]).trials] == ["qdrant-down"]


def _restart_rag(world: DrillWorld) -> None:
    hit = world.faults.on_inject
    assert hit is not None

    def hit_both(undo: Undo) -> None:
        hit(undo)
        if undo.action is Action.RESTART:
            world.world.engine.signal(undo.service, "KILL")

    world.faults.on_inject = hit_both


def test_what_a_fault_restarts_beside_its_subject_may_be_restarted_that_once() -> None:
    world = DrillWorld()
    _restart_rag(world)
    (trial,) = _drill(world, LATE).trials
    assert "inject restart rag" in world.faults.done
    assert trial.figures["others_restarted"] == 0.0


def test_a_service_that_crashes_while_what_it_needs_is_late_fails_the_fault() -> None:
    world = DrillWorld()
    _restart_rag(world)
    mend = world.faults.undo

    def crash_first(undo: Undo) -> None:
        if undo.action is Action.STOP:
            world.world.engine.signal("rag", "KILL")
        mend(undo)

    world.faults.undo = crash_first  # type: ignore[method-assign]
    (trial,) = _drill(world, LATE).trials
    assert trial.outcome is Outcome.FAIL
    assert "others_restarted is 1" in trial.why
