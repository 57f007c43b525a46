"""What an upgrade has left when it was killed: which generation ran before it, and where its data is saved.

A rollback that brings data back writes down the same. An `up` that ends well ends either.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aisuite.ports import Workdir

_FILE = "upgrade.json"
_SCHEMA = "aisuite.upgrade/1"


@dataclass(frozen=True, slots=True)
class Pending:
    """An upgrade that has begun and not ended."""

    generation: int  # that ran before
    bundle: str | None


def begin_upgrade(workdir: Workdir, pending: Pending) -> None:
    """Write it down, before anything is changed. Raises StateUnwritable, DiskFull."""
    workdir.write({_FILE: json.dumps({"schema": _SCHEMA, **asdict(pending)}) + "\n"})


def read_upgrade(workdir: Workdir) -> Pending | None:
    """Return the upgrade that has not ended, or None."""
    try:
        found = json.loads(workdir.read(_FILE) or "")
        return Pending(**found) if found.pop("schema") == _SCHEMA else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def end_upgrade(workdir: Workdir) -> None:
    """Forget it: it was taken back, or it is good."""
    if workdir.read(_FILE) is not None:
        workdir.remove(_FILE)
