"""`aisuite restart`: services once more, as `up` has started them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aisuite.errors import DriftError, StepFailed
from aisuite.ops.carry_out import Event, PlanRun, Status, StepResult, failures_of
from aisuite.ops.look import look
from aisuite.ops.measured_file import Measured, drift_of, read_measured, update_measured
from aisuite.ops.record import require_record, write_record
from aisuite.ops.service_names import check_names
from aisuite.ops.status import ServiceStatus, statuses
from aisuite.plan.model import Plan, Step, Verb
from aisuite.plan.reconcile import turn_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aisuite.ops.measure import CardWatch
    from aisuite.ops.record import Record
    from aisuite.plan.observed import Observed
    from aisuite.ports import Deps, Renderer, Workdir
    from aisuite.stack.model import Stack


@dataclass(frozen=True, slots=True)
class RestartReport:
    """The services that were restarted, and all as they are now; `measured`: the model servers among the former."""

    results: tuple[StepResult, ...]
    services: tuple[ServiceStatus, ...]
    seconds: float
    measured: Measured = field(default_factory=Measured)

    @property
    def drift(self) -> tuple[DriftError, ...]:
        """What of the restarted servers is in force, and was not asked for."""
        return drift_of(self.measured)

    @property
    def exit_code(self) -> int:
        """0, or 8 when a model server does not run as it was asked to: on the CPU instead of a card, say."""
        return DriftError.exit_code if self.drift else 0


def restart(
    stack: Stack, names: Sequence[str], deps: Deps, listen: Callable[[Event], None] = lambda _: None
) -> RestartReport:
    """Stop and start these services, all without names, each after those it needs; return when they are ready.

    Model servers are read back and measured as `up` does, against what it planned for them.
    Nothing is taken back after a failure: what was restarted stays, and what was not yet stopped runs on.
    Raises NotRunning, UsageError for a name that is none, DriftError when the profile has changed, and whatever a
    service failed with.
    """
    from aisuite.ops.measure import CardWatch  # `watch` imports this module, too, and measures nothing

    began = deps.clock.monotonic()
    with deps.workdir.lock("restart"):
        record = require_record(deps.workdir)
        files = rendered_as_up_did(stack, deps.renderer, deps.workdir)
        known = [service.name for service in record.services]
        plan = plan_restart(stack, check_names(names, known, "aisuite restart", deps.workdir.folder))
        watch = CardWatch(stack, deps, listen)
        results = PlanRun(stack, files, plan, deps, watch).run()
        record = _timed(record, results)
        write_record(deps.workdir, record)
        _raise_failures(results)
        observed = look({service.name: service.ready_url for service in record.services}, deps)
        measured = _measured(stack, watch, observed, deps)
    return RestartReport(results, statuses(record, observed), deps.clock.monotonic() - began, measured)


def _measured(stack: Stack, watch: CardWatch, observed: Observed, deps: Deps) -> Measured:
    """Return what was measured of the restarted servers; what `up --force` has taken as it is stays so."""
    from aisuite.ops.measure import measure, planned_before

    known = read_measured(deps.workdir)
    fresh = {
        name: replace(one, forced=name in known.servers and known.servers[name].forced)
        for name, one in measure(stack, planned_before(known), watch, observed, deps).items()
    }
    found = update_measured(deps.workdir, fresh, {one.name for one in stack.services}, forced=False)
    return Measured({name: found.servers[name] for name in fresh})


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
