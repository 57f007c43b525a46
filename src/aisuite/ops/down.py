"""`aisuite down`: stop everything of the project; data, keys and logs stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.ops.record import forget_record
from aisuite.plan.observed import ALIVE

if TYPE_CHECKING:
    from aisuite.ports import Deps


@dataclass(frozen=True, slots=True)
class DownReport:
    """The services that ran and were stopped."""

    stopped: tuple[str, ...]
    seconds: float
    exit_code: int = 0


def down(deps: Deps) -> DownReport:
    """Stop every service and the engine's own machinery; does nothing, successfully, when nothing runs."""
    began = deps.clock.monotonic()
    if not deps.workdir.folder.exists():
        # Nothing to lock; but a folder that was deleted under a running suite left its processes behind.
        deps.engine.close()
        return DownReport((), deps.clock.monotonic() - began)
    with deps.workdir.lock("down"):
        stopped = tuple(service.name for service in deps.engine.observe().services if service.state in ALIVE)
        deps.engine.close()
        forget_record(deps.workdir)
    return DownReport(stopped, deps.clock.monotonic() - began)
