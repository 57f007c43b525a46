"""Look at what is there: the engine's snapshot, every running service asked whether it is ready."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from aisuite.plan.observed import ALIVE, Observed, ObservedService

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.ports import Deps


def look(ready_urls: Mapping[str, str], deps: Deps) -> Observed:
    """Return the engine's snapshot with `ready` filled in for each service in `ready_urls`, asked in parallel."""
    observed = deps.engine.observe()

    def ask(service: ObservedService) -> ObservedService:
        if service.name not in ready_urls or service.state not in ALIVE:
            return service
        return replace(service, ready=deps.probe.ask(ready_urls[service.name]).ready)

    with ThreadPoolExecutor(max_workers=8) as pool:
        services = tuple(pool.map(ask, observed.services))
    done = frozenset(name for name, preparer in deps.preparers.items() if preparer.done())
    return replace(observed, services=services, prepared=done)
