"""`aisuite gpu`: the cards as they are now, and the model servers on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.errors import EngineUnavailable, GpuUnavailable
from aisuite.ops.measured_file import Measured, read_measured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aisuite.ports import Deps, GpuDevice, GpuDriver

_BETWEEN_LOOKS = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class GpuReport:
    """All cards of this machine; `owners` are the services of the project by their process ids."""

    driver: GpuDriver
    cards: tuple[GpuDevice, ...]
    owners: Mapping[int, str]
    measured: Measured


def gpu(deps: Deps) -> GpuReport:
    """Look at the cards. Raises GpuUnavailable when there is none that can be measured."""
    driver, cards = deps.gpu.driver(), deps.gpu.devices()
    if driver is None or not cards:
        raise GpuUnavailable(
            deps.gpu.why_none(), "the suite works without a card, too: aisuite up --profile phase2-cpu"
        )
    return GpuReport(driver, cards, _owners(deps), read_measured(deps.workdir))


def watch_gpu(deps: Deps) -> Iterator[GpuReport]:
    """Yield a look every two seconds, until the caller stops. Raises GpuUnavailable, also in the middle."""
    while True:
        yield gpu(deps)
        deps.clock.sleep(_BETWEEN_LOOKS)


def _owners(deps: Deps) -> dict[int, str]:
    try:
        services = deps.engine.observe().services
    except EngineUnavailable:
        return {}  # the cards can be looked at all the same
    return {service.pid: service.name for service in services if service.pid is not None}
