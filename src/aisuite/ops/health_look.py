"""Questions to a running stack that cost nothing: to its services, their logs, its gateway, its vector store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from aisuite.ops.health_judge import Sighting, dependencies_in
from aisuite.ops.log_errors import find_errors
from aisuite.plan.observed import ALIVE, State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from aisuite.ops.record import Record, RecordedService
    from aisuite.plan.observed import ObservedService
    from aisuite.ports import Answer, Deps

_LOG_LINES = 2000  # of each service, since its start
_PROBE_TIMEOUT = 5.0
_SHORTEST_PROBE = 3.0  # our services give what they need 2 s before they say that it does not answer
_ALIVE_TIMEOUT = 1.0
_AT_ONCE = 8
_GATEWAY_AT_ONCE = 4


def see_services(record: Record, deps: Deps, left: float) -> tuple[Sighting, ...]:
    """Ask every recorded service at once whether it is ready; those that are not, whether they are alive.

    `left`: seconds that this may take; what hangs costs 4 even so.
    """
    observed = deps.engine.observe()
    limit = min(max(left - _ALIVE_TIMEOUT, _SHORTEST_PROBE), _PROBE_TIMEOUT)

    def see(service: RecordedService) -> Sighting:
        found = observed.find(service.name)
        seen = Sighting(service.name, service.role, service.url, found.state if found else None)
        if found is None or found.state not in ALIVE:
            return seen
        return _asked(seen, service, found, deps, limit)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(pool.map(see, record.services))


def _asked(seen: Sighting, service: RecordedService, found: ObservedService, deps: Deps, timeout: float) -> Sighting:
    answer = deps.probe.ask(service.ready_url, timeout)
    # An engine may call a service "starting" for a while after it answers.
    state = State.RUNNING if answer.ready and found.state is State.STARTING else found.state
    fault = found.health_fault or ("its engine's own checks fail" if found.engine_health == "unhealthy" else "")
    return replace(
        seen,
        state=state,
        alive=_is_alive(service, answer, deps),
        ready=answer.ready,
        reason=answer.reason,
        seconds=answer.seconds,
        dependencies=dependencies_in(answer.told),
        restarts=found.restarts,
        engine_fault=fault if answer.ready else "",
    )


def _is_alive(service: RecordedService, answer: Answer, deps: Deps) -> bool:
    if answer.status is not None or service.live_url in {None, service.ready_url}:
        return answer.status is not None
    return deps.probe.ask(service.live_url or "", _ALIVE_TIMEOUT).ready


def read_logs(sightings: Sequence[Sighting], secrets: Collection[str], deps: Deps) -> tuple[Sighting, ...]:
    """Return the sightings with the errors in each log since the service's last start; `secrets` are not shown."""

    def read(seen: Sighting) -> Sighting:
        if seen.state is None:
            return seen
        return replace(seen, errors=find_errors(deps.engine.log_tail(seen.name, _LOG_LINES), secrets))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(pool.map(read, sightings))


def time_gateway(gateway: RecordedService, key: str, samples: int, deps: Deps) -> tuple[float | None, ...]:
    """Return the seconds of some requests that need no model, a few at once; None: one was not answered."""

    def ask(_: int) -> float | None:
        begin = deps.clock.monotonic()
        told = deps.probe.read(f"{gateway.url}/v1/models", key, _PROBE_TIMEOUT)
        return None if told is None else deps.clock.monotonic() - begin

    with ThreadPoolExecutor(_GATEWAY_AT_ONCE) as pool:
        return tuple(pool.map(ask, range(samples)))


def list_snapshots(store: RecordedService, key: str, deps: Deps) -> Mapping[str, bool] | None:
    """Return for each collection whether its snapshots are listed; None when the collections are not."""
    told = deps.probe.read(f"{store.url}/collections", key, _PROBE_TIMEOUT)
    try:
        names = [str(one["name"]) for one in told["result"]["collections"]]
    except (TypeError, KeyError):
        return None
    return {
        name: deps.probe.read(f"{store.url}/collections/{name}/snapshots", key, _PROBE_TIMEOUT) is not None
        for name in names
    }
