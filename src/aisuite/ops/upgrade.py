"""`aisuite upgrade`: save, change, watch; what does not work is taken back without anybody asking for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from aisuite.errors import AisuiteError, NotReady, StepFailed
from aisuite.ops.generations import current_number, read_generation
from aisuite.ops.look import look
from aisuite.ops.rollback import RollbackRequest, SavedData, rollback
from aisuite.ops.up import UpReport, UpRequest, up
from aisuite.ops.upgrade_journal import Pending, begin_upgrade, end_upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

    from aisuite.ops.carry_out import Event
    from aisuite.ops.rollback import RollbackReport
    from aisuite.plan.observed import Observed
    from aisuite.ports import Deps
    from aisuite.stack.model import Stack

_EVERY = 1.0  # seconds between two looks
_LOOKS_UNREADY = 3  # in a row: one slow answer under load is no failure


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """What to change to; `window` are the seconds for which all must stay well before it counts."""

    up: UpRequest
    window: float = 30.0


class Backups(SavedData, Protocol):
    """What an upgrade needs of backups."""

    def save(self) -> str:
        """Make a backup, verify it, and return its id. Raises DataError, DiskFull."""


@dataclass(frozen=True, slots=True)
class UpgradeReport:
    """How it ended. `back` is there when it was taken back, because of `failure`."""

    before: int  # generation
    up: UpReport | None  # None: it did not come up
    seconds: float
    bundle: str | None = None
    failure: AisuiteError | None = None
    back: RollbackReport | None = None

    @property
    def generation(self) -> int:
        """The number of the generation that the upgrade leads to."""
        return self.before if self.up is None or self.up.generation is None else self.up.generation

    @property
    def nothing_to_do(self) -> bool:
        """Whether all was as it should be already, so that not even a backup was made."""
        return self.failure is None and self.bundle is None and not (self.up is not None and self.up.dry_run)

    @property
    def exit_code(self) -> int:
        """0; else that of the failure."""
        return 0 if self.failure is None else self.failure.exit_code


def upgrade(
    request: UpgradeRequest,
    deps: Deps,
    backups: Backups,
    listen: Callable[[Event], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> UpgradeReport:
    """Bring the stack to what the profile says, or leave it as it was.

    Raises StepFailed when no generation is there to come back to, and what the plan and the backup raise: then
    nothing was touched. Ctrl-C takes back what was begun, too.
    """
    began, before = deps.clock.monotonic(), current_number(deps.workdir)
    if before is None or not read_generation(deps.workdir, before).good:
        raise StepFailed("there is nothing whole to come back to should it fail", "aisuite up, then aisuite upgrade")
    planned = up(replace(request.up, dry_run=True), deps)
    if request.up.dry_run or not (planned.plan or request.up.pull.policy == "always"):
        return UpgradeReport(before, planned if request.up.dry_run else replace(planned, dry_run=False), 0.0)
    say("saving what the services keep")
    bundle = backups.save()
    begin_upgrade(deps.workdir, Pending(before, bundle))
    report = None
    try:
        report = up(replace(request.up, strict=True, keep=False, bundle=bundle, part=True), deps, listen)
        say(f"all is up; watching it for {request.window:g} s")
        watch_window(request.up.stack, deps, request.window)
    except (AisuiteError, KeyboardInterrupt) as err:
        say(f"it does not work: generation {before} comes back")
        back = _take_back(before, err, deps, backups, listen)
        if isinstance(err, KeyboardInterrupt):
            raise
        return UpgradeReport(before, report, deps.clock.monotonic() - began, bundle, err, back)
    end_upgrade(deps.workdir)
    return UpgradeReport(before, report, deps.clock.monotonic() - began, bundle)


def _take_back(
    before: int, failure: BaseException, deps: Deps, backups: Backups, listen: Callable[[Event], None]
) -> RollbackReport:
    try:
        return rollback(RollbackRequest(before, lose=True), deps, backups, listen)
    except AisuiteError as err:
        message = f"the upgrade failed: {failure}\ngeneration {before} did not come back: {err.message}"
        raise StepFailed(message, f"aisuite rollback {before} --yes") from err


def watch_window(stack: Stack, deps: Deps, seconds: float) -> None:
    """Return when every service has stayed well for so long. Raises NotReady naming the first that did not."""
    clock, urls = deps.clock, {service.name: service.ready_url for service in stack.services}
    first, until = look(urls, deps), clock.monotonic() + seconds
    unready: dict[str, int] = {}
    while clock.monotonic() < until:
        clock.sleep(_EVERY)
        now = look(urls, deps)
        for service in stack.services:
            _check_restarts(service.name, first, now)
            found = now.find(service.name)
            unready[service.name] = 0 if found is not None and found.ready else unready.get(service.name, 0) + 1
            if found is None or unready[service.name] >= _LOOKS_UNREADY:
                raise NotReady(service.name, "it was ready, and is not any more", _last_line(service.name, deps))


def _check_restarts(name: str, first: Observed, now: Observed) -> None:
    then, found = first.find(name), now.find(name)
    if then is not None and found is not None and found.restarts > then.restarts:
        raise NotReady(name, "it was ready, and died", hint=f"aisuite logs {name}")


def _last_line(name: str, deps: Deps) -> str:
    return next(iter(deps.engine.log_tail(name, 1)), "")
