"""The order in which services start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.stack.model import Dependency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aisuite.stack.model import Service


def dependencies_of(
    service: str, graph: Mapping[str, Sequence[str]], optional: Sequence[str]
) -> tuple[Dependency, ...]:
    """Return what a service waits for; of the `optional` ones any is enough."""
    return tuple(Dependency(other, required=other not in optional) for other in graph[service])


def start_order(services: Sequence[Service]) -> tuple[Service, ...]:
    """Return the services by dependency level, within a level in the order given. Raises ValueError for a cycle."""
    started: set[str] = set()
    waiting = list(services)
    ordered: list[Service] = []
    while waiting:
        level = [service for service in waiting if all(need.service in started for need in service.depends_on)]
        if not level:
            raise ValueError(f"these services wait for each other: {', '.join(one.name for one in waiting)}")
        ordered += level
        started |= {service.name for service in level}
        waiting = [service for service in waiting if service.name not in started]
    return tuple(ordered)
