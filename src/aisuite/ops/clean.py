"""`aisuite clean`: what former versions have made, and nothing uses any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aisuite.ports import Leftover, Leftovers


@dataclass(frozen=True, slots=True)
class CleanReport:
    """What was found, and the names of what was removed."""

    leftovers: tuple[Leftover, ...]
    removed: tuple[str, ...] = ()
    exit_code: int = 0


def clean(leftovers: Leftovers, *, remove: bool) -> CleanReport:
    """Return what is left over; with `remove` all of it goes that nobody uses. Raises StateUnwritable."""
    found = leftovers.find()
    unused = [one for one in found if one.used_by is None] if remove else []
    for one in unused:
        leftovers.remove(one)
    return CleanReport(found, tuple(one.name for one in unused))
