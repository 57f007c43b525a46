"""Where restores meet the real adapters; built when needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.cli.archive_doors import Destination, open_backup

if TYPE_CHECKING:
    from aisuite.cli.options import Session
    from aisuite.ops.restore_work import RestoreDoors


def open_restore(session: Session) -> RestoreDoors:
    """Return all that a restore into a project needs. Raises UsageError, EngineUnavailable."""
    from aisuite.adapters.bundle_shelf import BundleShelf
    from aisuite.adapters.kept_places import KeptPlaces
    from aisuite.ops.restore_work import RestoreDoors

    return RestoreDoors(open_backup(session, Destination()), KeptPlaces(), BundleShelf)
