"""`aisuite health`: whether the running suite can do its work, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aisuite.errors import AisuiteError, GpuUnavailable, NotRunning
from aisuite.ops.backup_age import newest_verified
from aisuite.ops.drill_undo import JOURNAL
from aisuite.ops.health_judge import (
    Finding,
    Outcome,
    Verdict,
    judge_backup,
    judge_card,
    judge_gateway,
    judge_service,
    judge_snapshots,
    judge_token,
    verdict_of,
)
from aisuite.ops.health_look import list_snapshots, read_logs, see_services, time_gateway
from aisuite.ops.health_tokens import TokenRequest, ask_for_tokens
from aisuite.ops.measured_file import read_measured
from aisuite.ops.record import require_record
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aisuite.ops.health_judge import Sighting
    from aisuite.ops.record import Record
    from aisuite.ports import Chat, Deps
    from aisuite.ports.archive import Shelf

_PAUSE = 0.5  # between two looks
_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class HealthRequest:
    """`wait`: seconds that services have to become ready, and models to answer; 0 looks once."""

    wait: float = 30.0
    deep: bool = False  # ask models for tokens
    samples: int = _SAMPLES  # requests that the gateway's p95 is taken from


@dataclass(frozen=True, slots=True)
class HealthReport:
    """How the stack does; findings in the order in which services start."""

    record: Record
    verdict: Verdict
    services: tuple[Sighting, ...]
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 when it is healthy, else 5."""
        return 0 if self.verdict is Verdict.HEALTHY else NotRunning.exit_code

    @property
    def failed(self) -> tuple[Finding, ...]:
        """What keeps it from being healthy."""
        return tuple(one for one in self.findings if one.outcome is Outcome.FAIL)


def health(request: HealthRequest, deps: Deps, chat: Chat, shelf: Shelf) -> HealthReport:
    """Look at every service until all are ready or the time is up, then closer.

    Raises NotRunning, EngineUnavailable.
    """
    begin = deps.clock.monotonic()
    record = require_record(deps.workdir)
    secrets = (_key(deps, "gateway_key"), _key(deps, "service_key"))
    services = read_logs(_wait_for(record, request.wait, deps), secrets, deps)
    findings = [finding for seen in services for finding in judge_service(seen)]
    findings += _of_gateway(request, record, services, deps, chat)
    findings += _of_store(record, services, deps)
    findings += [*_of_cards(deps), *_of_drill(deps)]
    findings.append(judge_backup(_backup_age(record.project, shelf, deps)))
    seconds = deps.clock.monotonic() - begin
    return HealthReport(record, verdict_of(services, findings), services, tuple(findings), seconds)


def follow_health(
    request: HealthRequest, reopen: Callable[[], Deps], chat: Chat, shelf: Shelf, interval: float
) -> Iterator[HealthReport | AisuiteError]:
    """Yield a report, or why there is none, every `interval` seconds until the caller stops; each is one look."""
    while True:
        deps = reopen()
        try:
            yield health(replace(request, wait=0.0), deps, chat, shelf)
        except AisuiteError as err:
            yield err
        deps.clock.sleep(interval)


def _wait_for(record: Record, seconds: float, deps: Deps) -> tuple[Sighting, ...]:
    """Look until all are ready, or the time is up, or one is gone for good: waiting for others makes nothing well."""
    until = deps.clock.monotonic() + seconds
    while True:
        seen = see_services(record, deps, until - deps.clock.monotonic())
        waiting = [one for one in seen if not one.ready]
        if not waiting or not all(one.may_recover for one in waiting) or deps.clock.monotonic() + _PAUSE >= until:
            return seen
        deps.clock.sleep(_PAUSE)


def _of_gateway(
    request: HealthRequest, record: Record, services: tuple[Sighting, ...], deps: Deps, chat: Chat
) -> Iterator[Finding]:
    gateway, ready = record.find(Role.GATEWAY), frozenset(one.name for one in services if one.ready)
    if gateway is None or gateway.name not in ready:
        if request.deep:
            yield Finding("token", "routes", Outcome.FAIL, "not asked: the gateway is not ready", "aisuite logs")
        return
    key = _key(deps, "gateway_key")
    yield judge_gateway(gateway.name, time_gateway(gateway, key, request.samples, deps))
    if request.deep:
        wanted = TokenRequest(record, gateway, key, ready, request.wait)
        yield from map(judge_token, ask_for_tokens(wanted, deps, chat))


def _of_store(record: Record, services: tuple[Sighting, ...], deps: Deps) -> Iterator[Finding]:
    store = record.find(Role.VECTORDB)
    if store is not None and any(one.ready for one in services if one.name == store.name):
        yield judge_snapshots(store.name, list_snapshots(store, _key(deps, "service_key"), deps))


def _of_cards(deps: Deps) -> Iterator[Finding]:
    """Judge every card of this machine, where a model server of this stack uses one."""
    servers = read_measured(deps.workdir).servers.values()
    if not any(one.measured or any((one.allocated or {}).values()) for one in servers):
        return
    try:
        cards = deps.gpu.devices()
    except GpuUnavailable as err:
        yield Finding("memory", "card", Outcome.FAIL, err.message, err.hint)
        return
    yield from map(judge_card, cards)
    if not cards:
        yield Finding("memory", "card", Outcome.NOTE, f"not measurable: {deps.gpu.why_none()}", "aisuite gpu")


def _of_drill(deps: Deps) -> Iterator[Finding]:
    if deps.workdir.read(JOURNAL) is not None:
        words = "a drill breaks things now, or was killed and left them broken"
        yield Finding("drill", "stack", Outcome.FAIL, words, "aisuite failover-drill --undo")


def _backup_age(project: str, shelf: Shelf, deps: Deps) -> float | None:
    begun = newest_verified(shelf, project)
    return None if begun is None else max(0.0, deps.clock.now() - begun)


def _key(deps: Deps, name: str) -> str:
    return (deps.workdir.read(f"secrets/{name}") or "").strip()
