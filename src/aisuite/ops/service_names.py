"""Names of services, as a person types them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from aisuite.errors import NotRunning, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def check_names(names: Sequence[str], known: Iterable[str], usage: str, folder: Path) -> tuple[str, ...]:
    """Return these names, or all that are known when there is none; `usage` is the command up to the name.

    Raises UsageError for a name that nobody knows, NotRunning when nothing was started in the project's folder.
    """
    there = list(dict.fromkeys(known))
    if not there:
        raise NotRunning(f"nothing was started in {folder}", "aisuite up --phase 2")
    for name in names:
        if name not in there:
            near = difflib.get_close_matches(name, there, n=1)
            message = f"there is no service {name!r}; there are {', '.join(there)}"
            raise UsageError(message, f"{usage} {near[0]}" if near else "aisuite status")
    return tuple(names) or tuple(there)
