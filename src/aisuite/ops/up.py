"""`aisuite up`: bring the stack to what the profile says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aisuite.errors import AisuiteError, DriftError, StepFailed
from aisuite.ops.carry_out import Event, PlanRun, Status, StepResult, raise_what_is_fatal
from aisuite.ops.checks import check_disk, check_fit, check_gpu, check_memory, check_models, check_ports
from aisuite.ops.diagnose import health_faults
from aisuite.ops.drill_undo import undo_left
from aisuite.ops.fetch_images import Pull, get_images, plan_images, with_old_images_seen
from aisuite.ops.generations import begin_generation, enter_generation, stay_in_generation
from aisuite.ops.look import look
from aisuite.ops.measured_file import Measured, ServerReport, drift_of, update_measured
from aisuite.ops.record import Record, read_record, record_of, write_record
from aisuite.ops.restore_journal import refuse_unfinished
from aisuite.ops.settle import remember
from aisuite.ops.status import ServiceStatus, statuses
from aisuite.ops.take_back import recorded, undone_on_failure
from aisuite.ops.upgrade_journal import end_upgrade
from aisuite.plan.model import Plan, Preparation
from aisuite.plan.reconcile import one_at_a_time, reconcile
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from aisuite.drill.model import Undo
    from aisuite.ops.measure import CardWatch
    from aisuite.ops.settle import CardPlan
    from aisuite.plan.observed import Observed
    from aisuite.ports import Deps
    from aisuite.stack.model import Stack
    from aisuite.vram.model import VramPlan

_NEEDED_BY = {"demo-models": Role.INFERENCE, "gateway-environment": Role.GATEWAY}


@dataclass(frozen=True, slots=True)
class UpRequest:
    """What `up` shall do. `also_render` are the same profile's stacks for other engines: rendered, not started."""

    stack: Stack
    also_render: tuple[Stack, ...] = ()
    loaded_as: str = ""  # how the profile was named on the command line, for hints
    cpu_only: str | None = None  # why the llama.cpp of this machine cannot use a card, if it cannot
    pull: Pull = field(default_factory=Pull)
    dry_run: bool = False
    keep: bool = False
    card: CardPlan | None = None  # what each model gets of the card
    force: bool = False  # start also what does not fit
    profile_file: Path | None = None  # where the profile was read; None: by its name it is always found
    strict: bool = False  # the first failure ends it; model servers change one after another, and the others answer
    by_image: bool = False  # containers of an image that its name stands for no more are changed
    bundle: str | None = None  # the backup that was made for it
    part: bool = False  # of an upgrade or a rollback, which itself knows when it is over


@dataclass(frozen=True, slots=True)
class UpReport:
    """What `up` found, did and left."""

    stack: Stack
    plan: Plan
    dry_run: bool
    seconds: float
    services: tuple[ServiceStatus, ...] = ()
    results: tuple[StepResult, ...] = ()
    failures: tuple[AisuiteError, ...] = ()
    rewritten: tuple[str, ...] = ()  # files that differed although nothing had to be done: edited by hand, say
    repaired: tuple[Undo, ...] = ()  # what a killed drill had left broken
    header: Path | None = None  # file with the gateway's Authorization header
    card: VramPlan | None = None
    forced: bool = False  # servers were started, or would be, whether they fit or not
    measured: Measured = field(default_factory=Measured)  # what is in force in each model server, and what it takes
    generation: int | None = None  # that is current since now; None: it is the same as before

    @property
    def degraded(self) -> bool:
        """Whether something did not come up, its engine cannot ask it, or it is not as asked for, yet all answers."""
        return bool(self.failures)

    @property
    def exit_code(self) -> int:
        """0; 5 when something did not come up, 8 when all that is wrong are settings that are not in force."""
        if self.failures and all(isinstance(err, DriftError) for err in self.failures):
            return DriftError.exit_code
        return StepFailed.exit_code if self.degraded else 0


def up(request: UpRequest, deps: Deps, listen: Callable[[Event], None] = lambda _: None) -> UpReport:
    """Make what runs equal to the stack; start nothing that cannot work, and leave nothing half-started."""
    stack, began = request.stack, deps.clock.monotonic()
    _check_machine(request, deps)
    files = deps.renderer.render(stack)
    card = request.card.plan if request.card else None
    if request.dry_run:
        plan = _rehearse(request, files, deps)
        return UpReport(stack, plan, dry_run=True, seconds=deps.clock.monotonic() - began)
    others = {name: text for one in request.also_render for name, text in deps.renderer.render(one).items()}
    rendered = {**others, **files}
    with deps.workdir.lock("up"):
        refuse_unfinished(deps.workdir)
        before = read_record(deps.workdir)
        _refuse_another_engine(before, stack)
        repaired = undo_left(stack, deps)
        plan, observed, images, fetched = _prepare(request, files, deps, listen)
        fresh = begin_generation(
            stack, rendered, deps, fetched=bool(fetched) or request.by_image, bundle=request.bundle
        )
        written = _write(request, rendered, deps)
        results: tuple[StepResult, ...] = ()
        reports: Mapping[str, ServerReport] = {}
        if plan:
            watch = _watch(stack, deps, listen)
            with recorded(record_of(stack, {}, before, request.profile_file), before, deps, keep=request.keep):
                results = _carry_out(request, files, plan, observed, deps, watch)
        elif written and observed.engine_up:
            deps.engine.open(stack)  # it reads anew what was written
        seconds = {result.step.subject: result.seconds for result in results if result.status is Status.DONE}
        record = record_of(stack, seconds, before, request.profile_file)
        write_record(deps.workdir, record)
        if plan:
            observed = _look(stack, deps)
            reports = _measure(stack, card, watch, observed, deps)
        found = update_measured(deps.workdir, reports, {one.name for one in stack.services}, forced=request.force)
        errors = [result.error for result in results if result.error is not None]
        if fresh is not None:
            enter_generation(fresh, deps.workdir, good=not errors)
        elif not errors:
            stay_in_generation(deps.workdir)
        if not errors and not request.part:
            end_upgrade(deps.workdir)  # that was cut off before
    return UpReport(
        stack=stack,
        plan=images + plan,
        dry_run=False,
        seconds=deps.clock.monotonic() - began,
        services=statuses(record, observed),
        results=(*fetched, *results),
        failures=(*errors, *health_faults(observed), *drift_of(found)),
        rewritten=() if plan else written,
        repaired=repaired,
        header=deps.workdir.folder / "secrets" / "gateway_key.header",
        card=card,
        forced=request.force,
        measured=found,
        generation=fresh,
    )


def _prepare(
    request: UpRequest, files: Mapping[str, str], deps: Deps, listen: Callable[[Event], None]
) -> tuple[Plan, Observed, Plan, tuple[StepResult, ...]]:
    """Return what is to be done and what runs now, and the images that it needed: which, and how each was got."""
    plan, observed = _plan(request, files, deps, by_image=request.by_image)
    _check_start(request, plan, observed, deps)
    images = _images_first(request, plan, deps)
    fetched = get_images(request.stack, images, request.pull, deps, listen)
    if fetched and request.pull.policy == "always":
        plan, observed = _plan(request, files, deps, by_image=True)
    return plan, observed, images, fetched


def _check_machine(request: UpRequest, deps: Deps) -> None:
    check_models(request.stack.models, request.loaded_as)
    check_memory(request.stack)
    check_gpu(request.stack, request.cpu_only, deps.gpu)


def _check_start(request: UpRequest, plan: Plan, observed: Observed, deps: Deps) -> None:
    check_fit(request.card.plan if request.card else None, request.stack, plan, force=request.force)
    if plan:
        check_disk(request.stack, deps.host)
        check_ports(request.stack, plan, observed, deps.host, deps.engine)


def _write(request: UpRequest, files: Mapping[str, str], deps: Deps) -> tuple[str, ...]:
    """Write all that services will read, and return the rendered files that differed."""
    written = deps.workdir.write(files)
    if request.card is not None:
        remember(deps.workdir, request.card)  # before anything starts: a run that is killed may leave servers
    for secret in request.stack.secrets:
        deps.workdir.ensure_secret(secret)
    return written


def _watch(stack: Stack, deps: Deps, listen: Callable[[Event], None]) -> CardWatch:
    from aisuite.ops.measure import CardWatch  # only when something is started: a second `up` has no use for it

    return CardWatch(stack, deps, listen)


def _measure(
    stack: Stack, card: VramPlan | None, watch: CardWatch, observed: Observed, deps: Deps
) -> Mapping[str, ServerReport]:
    from aisuite.ops.measure import measure, planned_for

    return measure(stack, planned_for(stack, card), watch, observed, deps)


def _rehearse(request: UpRequest, files: Mapping[str, str], deps: Deps) -> Plan:
    """Return what would be done. Raises DoesNotFit."""
    plan, _ = _plan(request, files, deps, by_image=request.by_image)
    check_fit(request.card.plan if request.card else None, request.stack, plan, force=request.force)
    return _images_first(request, plan, deps) + plan


def _refuse_another_engine(before: Record | None, stack: Stack) -> None:
    if before is not None and before.engine != stack.engine:
        raise StepFailed(f"project {stack.project} runs on the engine {before.engine}", "aisuite down, then aisuite up")


def _images_first(request: UpRequest, plan: Plan, deps: Deps) -> Plan:
    """Return what must be fetched before this plan. With nothing to do, images are not even looked for."""
    wanted = plan or request.pull.policy == "always"
    return plan_images(request.stack, request.pull, deps.images) if wanted else Plan()


def _plan(request: UpRequest, files: Mapping[str, str], deps: Deps, *, by_image: bool) -> tuple[Plan, Observed]:
    """Return what must be done; `by_image`: containers of an image that its name stands for no more are changed."""
    stack, observed = request.stack, _look(request.stack, deps)
    if by_image:
        observed = with_old_images_seen(observed, stack, deps.images)
    plan = reconcile(stack, files, observed, preparations(stack, deps))
    return one_at_a_time(plan, stack) if request.strict else plan, observed


def _look(stack: Stack, deps: Deps) -> Observed:
    return look({service.name: service.ready_url for service in stack.services}, deps)


def preparations(stack: Stack, deps: Deps) -> list[Preparation]:
    """Return what must be made once for this stack, with the services that wait for it."""
    found = []
    for name, preparer in deps.preparers.items():
        needed_by = tuple(service.name for service in stack.services if service.role is _NEEDED_BY[name])
        if needed_by:
            found.append(Preparation(name, preparer.what, needed_by))
    return found


def _carry_out(
    request: UpRequest,
    files: Mapping[str, str],
    plan: Plan,
    observed: Observed,
    deps: Deps,
    listen: Callable[[Event], None],
) -> tuple[StepResult, ...]:
    run = PlanRun(request.stack, files, plan, deps, listen, strict=request.strict)
    with undone_on_failure(run, deps, keep=request.keep, close=not observed.engine_up):
        results = run.run()
        raise_what_is_fatal(request.stack, results, strict=request.strict)
    return results
