"""Desired and observed give a plan; tests compare its text."""

from __future__ import annotations

from dataclasses import replace

from aisuite.plan.fingerprint import fingerprint
from aisuite.plan.model import Plan, Preparation
from aisuite.plan.observed import Observed, ObservedService, State
from aisuite.plan.reconcile import reconcile
from aisuite.stack.model import Stack
from tests.fakes.stacks import make_service, make_stack, phase2_stack


def _running(stack: Stack, **changes: State) -> Observed:
    """All services of a stack as they should be, but for some states."""
    services = tuple(
        ObservedService(
            one.name,
            changes.get(one.name.replace("-", "_"), State.RUNNING),
            pid=1,
            fingerprint=fingerprint(one, {}),
            ready=True,
        )
        for one in stack.services
    )
    return Observed(engine_up=True, services=services)


def test_a_fresh_machine_gets_every_service_after_its_dependencies() -> None:
    plan = reconcile(phase2_stack(), {}, Observed(engine_up=False))
    assert str(plan) == (
        "start    inference-chat    it does not exist yet\n"
        "start    inference-code    it does not exist yet\n"
        "start    embedding         it does not exist yet\n"
        "start    qdrant            it does not exist yet\n"
        "start    api-gateway       it does not exist yet\n"
        "start    rag               it does not exist yet"
    )
    assert plan.steps[4].after == ("start inference-chat", "start inference-code")
    assert plan.steps[5].after == ("start qdrant", "start embedding", "start api-gateway")


def test_what_runs_as_wanted_gives_an_empty_plan() -> None:
    stack = phase2_stack()
    plan = reconcile(stack, {}, _running(stack))
    assert not plan
    assert str(plan) == "nothing to do"


def test_a_changed_flag_recreates_that_service_alone_and_names_the_flag() -> None:
    stack = phase2_stack()
    before = _running(stack)
    services = list(stack.services)
    services[0] = replace(services[0], command=("inference-chat", "--port", "8001", "-c", "2048"))
    middle = replace(stack, services=tuple(services))
    assert str(reconcile(middle, {}, before)) == "recreate inference-chat    changed: added -c 2048"
    services[0] = replace(services[0], command=("inference-chat", "--port", "9001"))
    after = replace(stack, services=tuple(services))
    assert str(reconcile(after, {}, before)) == "recreate inference-chat    changed: --port 8001 -> 9001"


def test_a_changed_configuration_file_recreates_who_reads_it() -> None:
    gateway = replace(make_service("api-gateway", 8000), config_files=("process/litellm.yaml",))
    stack = make_stack(make_service("inference-chat", 8001), gateway)
    old = {"process/litellm.yaml": "a: 1\n"}
    services = tuple(
        ObservedService(one.name, State.RUNNING, pid=1, fingerprint=fingerprint(one, old), ready=True)
        for one in stack.services
    )
    plan = reconcile(stack, {"process/litellm.yaml": "a: 2\n"}, Observed(engine_up=True, services=services))
    assert str(plan) == "recreate api-gateway       changed: file process/litellm.yaml"


def test_a_service_that_left_the_profile_is_stopped_before_anything_starts() -> None:
    stack = make_stack(make_service("inference-chat", 8001))
    gone = ObservedService("rag", State.RUNNING, pid=1)
    plan = reconcile(stack, {}, Observed(engine_up=True, services=(gone,)))
    assert str(plan) == (
        "stop     rag               it is not in the profile any more\nstart    inference-chat    it does not exist yet"
    )
    assert plan.steps[1].after == ("stop rag",)


def test_a_dead_a_given_up_and_an_orphaned_service_come_back_with_their_cause() -> None:
    stack = phase2_stack()
    plan = reconcile(stack, {}, _running(stack, rag=State.EXITED, qdrant=State.FAILED, inference_chat=State.ORPHANED))
    assert str(plan) == (
        "recreate inference-chat    its supervisor died; it runs unwatched\n"
        "start    qdrant            its engine gave up restarting it\n"
        "start    rag               it is not running"
    )
    assert plan.steps[2].after == ("start qdrant",)


def test_a_running_service_that_is_not_ready_is_waited_for() -> None:
    stack = make_stack(make_service("inference-chat", 8001))
    found = _running(stack).services[0]
    plan = reconcile(stack, {}, Observed(engine_up=True, services=(replace(found, ready=False),)))
    assert str(plan) == "wait     inference-chat    it runs, but is not ready yet"


def test_what_somebody_else_started_under_our_name_is_recreated() -> None:
    stack = make_stack(make_service("inference-chat", 8001))
    found = replace(_running(stack).services[0], fingerprint={})
    assert str(reconcile(stack, {}, Observed(engine_up=True, services=(found,)))) == (
        "recreate inference-chat    it was not started by aisuite"
    )


def test_a_paused_service_is_recreated() -> None:
    stack = make_stack(make_service("inference-chat", 8001))
    assert str(reconcile(stack, {}, _running(stack, inference_chat=State.PAUSED))) == (
        "recreate inference-chat    it is paused"
    )


def test_preparations_come_first_and_only_who_needs_them_waits() -> None:
    stack = phase2_stack()
    due = [
        Preparation("gateway-environment", "install LiteLLM", ("api-gateway",)),
        Preparation("demo-models", "write", ("inference-chat",)),
    ]
    observed = Observed(engine_up=False, prepared=frozenset({"demo-models"}))
    plan = reconcile(stack, {}, observed, due)
    assert str(plan.steps[0]) == "prepare  gateway-environment install LiteLLM"
    after = {step.subject: step.after for step in plan.steps}
    assert "prepare gateway-environment" in after["api-gateway"]
    assert after["inference-chat"] == ()
    assert "demo-models" not in after


def test_every_step_comes_after_the_steps_it_names() -> None:
    stack = phase2_stack()
    plan = reconcile(stack, {}, Observed(engine_up=False), [Preparation("x", "x", ("rag",))])
    seen: set[str] = set()
    for step in plan.steps:
        assert set(step.after) <= seen
        seen.add(step.id)


def test_an_empty_plan_is_false_and_the_same_values_give_the_same_plan() -> None:
    stack = phase2_stack()
    assert not Plan()
    assert reconcile(stack, {}, Observed(engine_up=False)) == reconcile(stack, {}, Observed(engine_up=False))


def _on_card(stack: Stack) -> Stack:
    services = (replace(one, gpu=one.name.startswith("inference-")) for one in stack.services)
    return replace(stack, services=tuple(services))


def test_servers_of_one_card_start_one_after_another() -> None:
    plan = reconcile(_on_card(phase2_stack()), {}, Observed(engine_up=False))
    turns = {step.subject: step.turn for step in plan.steps}
    assert turns.pop("inference-code") == ("start inference-chat",)
    assert set(turns.values()) == {()}
    assert plan.steps[1].after == ()


def test_servers_of_one_card_make_room_before_the_first_of_them_grows() -> None:
    stack = _on_card(phase2_stack())
    services = tuple(replace(one, command=(*one.command, "-x")) if one.gpu else one for one in stack.services)
    plan = reconcile(replace(stack, services=services), {}, _running(stack))
    assert str(plan) == (
        "stop     inference-code    makes room on the card for inference-chat\n"
        "recreate inference-chat    changed: added -x\n"
        "start    inference-code    changed: added -x"
    )
    assert [step.after for step in plan.steps] == [(), ("stop inference-code",), ("stop inference-code",)]
