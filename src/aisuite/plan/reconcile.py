"""Desired and observed give a plan. Pure: the same two values give the same plan."""

from __future__ import annotations

import difflib
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from aisuite.plan.fingerprint import fingerprint
from aisuite.plan.model import Plan, Preparation, Step, Verb
from aisuite.plan.observed import Observed, ObservedService, State
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aisuite.stack.model import Service, Stack

_NOT_RUNNING = {
    State.EXITED: "it is not running",
    State.FAILED: "its engine gave up restarting it",
    State.RESTARTING: "it keeps dying and being restarted",
    State.ORPHANED: "its supervisor died; it runs unwatched",
}


def reconcile(
    stack: Stack, rendered: Mapping[str, str], observed: Observed, preparations: Iterable[Preparation] = ()
) -> Plan:
    """Return the steps from `observed` to `stack`; each with a cause, ordered so that `after` always points back.

    A service whose dependency is recreated is not recreated itself: clients reconnect. Servers that share a card start
    one after another: only then can be told what each takes of it.
    """
    due = [item for item in preparations if item.name not in observed.prepared]
    stops = [_stop(found) for found in observed.services if found.name not in {s.name for s in stack.services}]
    steps = [Step(Verb.PREPARE, item.name, item.what) for item in due] + stops
    changed = [
        (service, step)
        for service in stack.services
        if (step := _step_for(service, observed.find(service.name), fingerprint(service, rendered)))
    ]
    making_room = _make_room([step for service, step in changed if service.gpu])
    steps += making_room
    verbs: dict[str, str] = {}
    on_card: list[str] = []
    for service, step in changed:
        after = [f"{Verb.PREPARE} {item.name}" for item in due if service.name in item.needed_by]
        after += [stop.id for stop in (*stops, *(making_room if service.gpu else ()))]
        after += [verbs[need.service] for need in service.depends_on if need.service in verbs]
        stopped = any(stop.subject == service.name for stop in making_room)
        verb = Verb.START if stopped else step.verb
        step = Step(verb, step.subject, step.cause, tuple(after), turn_of(service, on_card))
        verbs[service.name] = step.id
        steps.append(step)
        if service.gpu:
            on_card.append(step.id)
    return Plan(tuple(steps))


def one_at_a_time(plan: Plan, stack: Stack) -> Plan:
    """Let model servers that are up change one after another: while one does, the others answer for its routes."""
    servers = {service.name for service in stack.services if service.role is Role.INFERENCE}
    steps: list[Step] = []
    last: tuple[str, ...] = ()
    for step in plan.steps:
        waits = step.verb is Verb.RECREATE and step.subject in servers
        steps.append(replace(step, turn=tuple(dict.fromkeys((*step.turn, *last)))) if waits else step)
        last = (step.id,) if waits else last
    return Plan(tuple(steps))


def _make_room(on_card: Sequence[Step]) -> list[Step]:
    """Stop all servers of the card that are recreated, before the first of them starts with other sizes.

    The first stops in its own step.
    """
    recreated = [step for step in on_card if step.verb is Verb.RECREATE]
    return [Step(Verb.STOP, step.subject, f"makes room on the card for {on_card[0].subject}") for step in recreated[1:]]


def turn_of(service: Service, on_card: Sequence[str]) -> tuple[str, ...]:
    """Return the step that goes before a service's own because both use the card; `on_card` are the earlier ones."""
    return tuple(on_card[-1:]) if service.gpu else ()


def _stop(found: ObservedService) -> Step:
    return Step(Verb.STOP, found.name, "it is not in the profile any more")


def _step_for(service: Service, found: ObservedService | None, wanted: Mapping[str, str]) -> Step | None:
    if found is None:
        return Step(Verb.START, service.name, "it does not exist yet")
    if found.state in _NOT_RUNNING:
        verb = Verb.START if found.state in {State.EXITED, State.FAILED} else Verb.RECREATE
        return Step(verb, service.name, _NOT_RUNNING[found.state])
    if not found.fingerprint:
        return Step(Verb.RECREATE, service.name, "it was not started by aisuite")
    changes = explain_changes(found.fingerprint, wanted)
    if changes:
        return Step(Verb.RECREATE, service.name, f"changed: {'; '.join(changes)}")
    if found.state is State.PAUSED:
        return Step(Verb.RECREATE, service.name, "it is paused")
    if not found.ready:
        return Step(Verb.WAIT, service.name, "it runs, but is not ready yet")
    return None


def explain_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return in words what differs between two fingerprints; empty when nothing does."""
    changes = []
    for part in sorted(before.keys() | after.keys()):
        old, new = before.get(part, ""), after.get(part, "")
        if old == new:
            continue
        if part == "command":
            changes.append(_word_changes(shlex.split(old), shlex.split(new)))
        elif part == "environment":
            changes.append(_word_changes(old.splitlines(), new.splitlines()))
        else:
            changes.append(part)
    return changes


def _word_changes(old: list[str], new: list[str]) -> str:
    pieces = []
    for tag, start, end, other_start, other_end in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        # A bare value says little: show the flag before it.
        flag = [old[start - 1]] if start and old[start - 1].startswith("-") else []
        gone, come = old[start:end], new[other_start:other_end]
        if tag == "insert":
            pieces.append(f"added {' '.join(come)}")
        elif tag == "delete":
            pieces.append(f"removed {' '.join(gone)}")
        else:
            pieces.append(f"{' '.join([*flag, *gone])} -> {' '.join(come)}")
    return ", ".join(pieces)
