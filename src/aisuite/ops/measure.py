"""After a start: what is really in force in each model server, and what it takes of the card."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aisuite.errors import GpuUnavailable
from aisuite.ops.carry_out import Event, Status
from aisuite.ops.measured_file import ServerReport
from aisuite.stack.model import Role
from aisuite.vram.model import Parts
from aisuite.vram.readback import compare, parse_flags, parse_load_log, with_answers
from aisuite.vram.verdict import CardUse, Planned, compare_buffers, learnt_overhead, split_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aisuite.ops.measured_file import Measured
    from aisuite.plan.observed import Observed
    from aisuite.ports import Deps, GpuDevice
    from aisuite.stack.model import Service, Stack
    from aisuite.vram.model import VramPlan
    from aisuite.vram.readback import Difference, InForce
    from aisuite.vram.verdict import Split

_LINES_OF_A_START = 1000  # a model server writes some hundred
_PATIENCE = 20  # looks for lines that are still on their way through the engine
_BETWEEN = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class _Looks:
    before: GpuDevice | None
    after: GpuDevice | None = None


class CardWatch:
    """Listens to a run, and looks at the card before and after each server that uses it."""

    def __init__(self, stack: Stack, deps: Deps, listen: Callable[[Event], None]) -> None:
        self._deps, self._listen = deps, listen
        self._on_card = {service.name: service.card.index for service in stack.services if service.gpu}
        self._looks: dict[str, _Looks] = {}
        self._lock = threading.Lock()
        self.started: set[str] = set()  # services that this run has started and that became ready

    def __call__(self, event: Event) -> None:
        """Take one event; called from the threads that run the steps."""
        name = event.step.subject
        if event.kind == "start":
            self._see(name, lambda card: _Looks(before=card))
        elif event.kind == Status.DONE and name in self._looks:
            self._see(name, lambda card: replace(self._looks[name], after=card))
            self.started.add(name)
        self._listen(event)

    def _see(self, name: str, note: Callable[[GpuDevice | None], _Looks]) -> None:
        card = self.card(name)
        with self._lock:
            self._looks[name] = note(card)

    def card(self, service: str) -> GpuDevice | None:
        """Return a service's card as it is now; None when it has none, or its driver does not answer."""
        index = self._on_card.get(service)
        if index is None:
            return None
        try:
            return next((card for card in self._deps.gpu.devices() if card.index == index), None)
        except GpuUnavailable:
            return None  # a driver that vanishes in the middle: then nothing is measurable, and the servers tell

    def use(self, service: str, pid: int | None) -> CardUse:
        """Return what became of the card while a service started."""
        if service not in self._on_card:
            return CardUse(None, None, why_unknown="it uses no card")
        looks = self._looks.get(service, _Looks(None))
        before, after = looks.before, looks.after
        if before is None or after is None:
            return CardUse(None, None, why_unknown="the card's driver did not answer while it started")
        sizes_before, sizes = _sizes(before), _sizes(after)
        grown = {one: max(0, size - sizes_before.get(one, 0)) for one, size in sizes.items()}
        own = sizes.get(pid) if pid is not None else None
        # Whose process the server's is cannot be told in a container: then all that grew is its.
        others = sum(grown.values()) - grown.get(pid, 0) if own is not None and pid is not None else 0
        return CardUse(before.free.bytes, after.free.bytes, own, others)


def _sizes(card: GpuDevice) -> dict[int, int]:
    return {one.pid: one.used for one in card.processes or () if one.used is not None}


def measure(
    stack: Stack, planned: Mapping[str, Planned], watch: CardWatch, observed: Observed, deps: Deps
) -> dict[str, ServerReport]:
    """Read back every model server that a run has started, by name. Raises StateUnwritable, DiskFull."""
    reports, splits = {}, []
    for service in stack.services:
        if service.role is not Role.INFERENCE or service.name not in watch.started:
            continue
        found, flags, given = _in_force(service, deps), parse_flags(service.command), planned.get(service.name)
        process = observed.find(service.name)
        split = split_of(service.name, given, found, watch.use(service.name, process.pid if process else None))
        differences = (*(compare(flags, found) if flags else ()), *(compare_buffers(given, found) if given else ()))
        reports[service.name] = _report(split, differences, found)
        splits.append(split)
    _learn(tuple(splits), watch, deps)
    return reports


def planned_for(stack: Stack, plan: VramPlan | None) -> dict[str, Planned]:
    """Return what a plan gives each model server, by the service's name."""
    services, shares = {model.model: model.service for model in stack.models}, plan.shares if plan else ()
    return {services[share.model]: Planned.of(share) for share in shares if share.model in services}


def planned_before(known: Measured) -> dict[str, Planned]:
    """Return what the last `up` planned for each server that it measured."""
    return {
        name: Planned(one.planned, Parts(**one.planned_parts))
        for name, one in known.servers.items()
        if one.planned is not None and one.planned_parts is not None
    }


def _report(split: Split, differences: tuple[Difference, ...], found: InForce) -> ServerReport:
    return ServerReport(
        service=split.service,
        planned=split.planned,
        planned_parts=_on_card(split.planned_parts),
        allocated=_on_card(split.allocated),
        measured=split.measured,
        holds=split.holds.value,
        why=split.why,
        differences=tuple(str(one) for one in differences),
        build=found.build.label if found.build and found.build.number else None,
    )


def _on_card(parts: Parts | None) -> dict[str, int] | None:
    return None if parts is None else {"model": parts.model, "kv": parts.kv, "compute": parts.compute}


def _in_force(service: Service, deps: Deps) -> InForce:
    key = (deps.workdir.read("secrets/service_key") or "").strip()
    url = service.published.url
    props, slots = deps.probe.read(f"{url}/props", key), deps.probe.read(f"{url}/slots", key)
    return with_answers(
        _load_log(service, deps),
        props if isinstance(props, dict) else None,
        slots if isinstance(slots, list) else None,
    )


def _load_log(service: Service, deps: Deps) -> InForce:
    """Read the log of the start; its last lines may still be on their way."""
    patience = _PATIENCE if "-lv" in service.command else 1
    for attempt in range(patience):
        if attempt:
            deps.clock.sleep(_BETWEEN)
        found = parse_load_log(deps.engine.log_tail(service.name, _LINES_OF_A_START))
        if found.told:
            break
    return found


def _learn(splits: tuple[Split, ...], watch: CardWatch, deps: Deps) -> None:
    """Remember what a process costs on a card beside its buffers: the most that was ever measured."""
    if deps.calibration is None:
        return
    day = time.strftime("%Y-%m-%d", time.gmtime(deps.clock.now()))
    for name, own in _by_card(splits, watch).items():
        learnt, known = learnt_overhead(own, day), deps.calibration.find(name)
        if learnt is not None and (known is None or known.bytes < learnt.bytes):
            deps.calibration.keep(name, learnt)


def _by_card(splits: tuple[Split, ...], watch: CardWatch) -> dict[str, tuple[Split, ...]]:
    found: dict[str, tuple[Split, ...]] = {}
    for split in splits:
        card = watch.card(split.service)
        if card is not None:
            found[card.name] = (*found.get(card.name, ()), split)
    return found
