"""Bundles that lie in a repository beside the shelf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.bundle.identity import find_id
from aisuite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIST = "aisuite backup list --engine restic"


@dataclass(frozen=True, slots=True)
class Stored:
    """One bundle, and what the repository calls it."""

    bundle: str
    snapshot: str
    project: str | None  # None: nobody said
    host: str | None = None  # the machine that put it there
    shelf: str | None = None  # the folder in which it was made there, without links
    damaged: bool = False  # it did not pass its last check; until one fails, it is what was verified when it was made


def find_stored(stored: Sequence[Stored], wanted: str | None, project: str) -> Stored:
    """Return the bundle whose id begins so; without it the project's newest. Raises UsageError.

    `stored` is oldest first; of what was stored twice the last is taken.
    """
    if wanted is None:
        own = [one for one in stored if one.project == project]
        if not own:
            raise UsageError(f"there is no backup of {project} in the repository", "aisuite backup --engine restic")
        return own[-1]
    last = {one.bundle: one for one in stored}
    return last[find_id(last, wanted, "the repository", _LIST)]
