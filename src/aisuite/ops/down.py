"""`aisuite down`: stop everything of the project; keys and logs stay, and data unless its removal is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.ops.measured_file import forget_measured
from aisuite.ops.record import forget_record
from aisuite.plan.observed import ALIVE

if TYPE_CHECKING:
    from aisuite.ports import Deps, KeptData


@dataclass(frozen=True, slots=True)
class DownReport:
    """The services that ran and were stopped, and the folders or volumes that were removed."""

    stopped: tuple[str, ...]
    seconds: float
    removed: tuple[str, ...] = ()
    exit_code: int = 0


def down(deps: Deps, unwanted: KeptData | None = None) -> DownReport:
    """Stop every service and the engine's own machinery; does nothing, successfully, when nothing runs.

    With `unwanted`, what the services have kept there is removed when nothing uses it any more.
    """
    began = deps.clock.monotonic()
    if not deps.workdir.folder.exists():
        # Nothing to lock; but a folder that was deleted under a running suite left its processes behind.
        deps.engine.close()
        return DownReport((), deps.clock.monotonic() - began)
    with deps.workdir.lock("down"):
        stopped = tuple(service.name for service in deps.engine.observe().services if service.state in ALIVE)
        deps.engine.close()
        removed = _remove(unwanted) if unwanted is not None else ()
        forget_record(deps.workdir)
        forget_measured(deps.workdir)
    return DownReport(stopped, deps.clock.monotonic() - began, removed)


def _remove(unwanted: KeptData) -> tuple[str, ...]:
    found = unwanted.find()
    for name in found:
        unwanted.remove(name)
    return found
