"""The journal of a restore that was cut off: what is kept is neither old nor new until it is ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.bundle import JOURNAL
from aisuite.errors import RestoreFailed, RestoreRefused

if TYPE_CHECKING:
    from aisuite.bundle.restore_steps import Restore
    from aisuite.ports import Workdir

HOW_ON = "aisuite restore --resume   # or: aisuite restore --undo"


def read_unfinished(workdir: Workdir) -> Restore | None:
    """Return the restore that was cut off, if one was. Raises RestoreFailed for a journal that cannot be read."""
    text = workdir.read(JOURNAL)
    if text is None:
        return None
    from aisuite.bundle.restore_steps import parse_journal  # only when there is one: every `up` looks for it

    try:
        return parse_journal(text)
    except ValueError as err:
        path = workdir.folder / JOURNAL
        raise RestoreFailed(f"{path} is no journal of a restore: {err}", f"less {path}") from err


def refuse_unfinished(workdir: Workdir) -> None:
    """Raise RestoreRefused when a restore was cut off: nobody may write into what it has left."""
    found = read_unfinished(workdir)
    if found is not None:
        raise RestoreRefused(f"the restore of backup {found.bundle} was cut off at the step {found.step}", HOW_ON)
