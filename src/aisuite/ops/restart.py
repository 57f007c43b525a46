"""`aisuite restart`: services once more, as `up` has started them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aisuite.errors import DriftError, StepFailed
from aisuite.ops.carry_out import Event, PlanRun, Status, StepResult, failures_of
from aisuite.ops.look import look
from aisuite.ops.record import require_record, write_record
from aisuite.ops.service_names import check_names
from aisuite.ops.status import ServiceStatus, statuses
from aisuite.plan.model import Plan, Step, Verb
from aisuite.plan.reconcile import turn_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aisuite.ops.record import Record
    from aisuite.ports import Deps, Renderer, Workdir
    from aisuite.stack.model import Stack


@dataclass(frozen=True, slots=True)
class RestartReport:
    """The services that were restarted, and all as they are now."""

    results: tuple[StepResult, ...]
    services: tuple[ServiceStatus, ...]
    seconds: float
    exit_code: int = 0


def restart(
    stack: Stack, names: Sequence[str], deps: Deps, listen: Callable[[Event], None] = lambda _: None
) -> RestartReport:
    """Stop and start these services, all without names, each after those it needs; return when they are ready.

    Nothing is taken back after a failure: what was restarted stays, and what was not yet stopped runs on.
    Raises NotRunning, UsageError for a name that is none, DriftError when the profile has changed, and whatever a
    service failed with.
    """
    began = deps.clock.monotonic()
    with deps.workdir.lock("restart"):
        record = require_record(deps.workdir)
        files = rendered_as_up_did(stack, deps.renderer, deps.workdir)
        known = [service.name for service in record.services]
        plan = plan_restart(stack, check_names(names, known, "aisuite restart", deps.workdir.folder))
        results = PlanRun(stack, files, plan, deps, listen).run()
        record = _timed(record, results)
        write_record(deps.workdir, record)
        _raise_failures(results)
    observed = look({service.name: service.ready_url for service in record.services}, deps)
    return RestartReport(results, statuses(record, observed), deps.clock.monotonic() - began)


def rendered_as_up_did(stack: Stack, renderer: Renderer, workdir: Workdir) -> dict[str, str]:
    """Return the stack's files. Raises DriftError when what lies in the project folder is something else.

    Who starts a service once more must not give it other settings than those it had.
    """
    files = renderer.render(stack)
    changed = sorted(name for name, text in files.items() if workdir.read(name) != text)
    if changed:
        raise DriftError(
            f"profile {stack.profile} and the environment give something else now than the last `aisuite up` "
            f"wrote to {workdir.folder}: {', '.join(changed)}",
            "aisuite up   # starts what has changed",
        )
    return files


def plan_restart(stack: Stack, names: Sequence[str]) -> Plan:
    """Recreate these services in start order, each after those of them that it needs; all when there is no name.

    Servers that share a card take their turns.
    """
    chosen = [service for service in stack.services if not names or service.name in names]
    ids = {service.name: f"{Verb.RECREATE} {service.name}" for service in chosen}
    steps, on_card = [], list[str]()
    for service in chosen:
        after = tuple(ids[need.service] for need in service.depends_on if need.service in ids)
        steps.append(Step(Verb.RECREATE, service.name, "asked for", after, turn_of(service, on_card)))
        on_card += [ids[service.name]] if service.gpu else []
    return Plan(tuple(steps))


def _timed(record: Record, results: Sequence[StepResult]) -> Record:
    seconds = {one.step.subject: round(one.seconds, 3) for one in results if one.status is Status.DONE}
    services = (
        replace(one, seconds_to_healthy=seconds.get(one.name, one.seconds_to_healthy)) for one in record.services
    )
    return replace(record, services=tuple(services))


def _raise_failures(results: Sequence[StepResult]) -> None:
    failed = failures_of(results)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        lines = [f"{len(failed)} services did not come up again:", *(f"- {err.message}" for err in failed)]
        raise StepFailed("\n".join(lines), failed[0].hint)
