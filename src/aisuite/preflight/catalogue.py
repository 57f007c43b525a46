"""All checks, in the order in which they are shown."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from aisuite.preflight import disks, docker, gpu, machine, models, ports, project, safety

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.preflight.model import Check

_ROOMS = (docker, gpu, ports, models, disks, machine, safety, project)
CHECKS: tuple[Check, ...] = tuple(check for room in _ROOMS for check in room.CHECKS)


def choose(only: Sequence[str] = (), skip: Sequence[str] = ()) -> tuple[Check, ...]:
    """Return the checks that are meant; `PORT` means every `PORT-...`. Raises ValueError for an unknown one."""
    wanted = [one for one in CHECKS if not only] or _named(only)
    unwanted = _named(skip)
    return tuple(one for one in CHECKS if one in wanted and one not in unwanted)


def _named(names: Sequence[str]) -> list[Check]:
    return [one for name in names for one in _find(name.strip().upper())]


def _find(name: str) -> list[Check]:
    found = [one for one in CHECKS if name in {one.id, one.id.partition("-")[0]}]
    if not found:
        known = [word for one in CHECKS for word in (one.id, one.id.partition("-")[0])]
        near = difflib.get_close_matches(name, known, 1)
        raise ValueError(f"there is no check {name}" + (f"; did you mean {near[0]}?" if near else ""))
    return found
