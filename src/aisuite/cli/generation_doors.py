"""Where upgrades and rollbacks meet the real adapters; built when needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.cli.folders import user_folder
from aisuite.cli.wiring import build_deps, open_folder, preparers_of, project_folder
from aisuite.stack.places import SERVICE_KEY

if TYPE_CHECKING:
    from aisuite.cli.options import Session
    from aisuite.ports import Deps, Workdir
    from aisuite.stack.model import Stack

_PATIENCE = 600.0  # seconds: a service reconciles every document that it has


def open_kept(session: Session) -> Workdir:
    """Open a project's folder, whatever runs."""
    return open_folder(project_folder(session.project, session.state))


def open_generation(session: Session, number: int | None) -> Deps:
    """Open a project on the engine of one of its generations. Raises UsageError, StepFailed."""
    from aisuite.adapters.gateway_env import GatewayEnv
    from aisuite.ops.generations import read_generation, read_stack
    from aisuite.ops.rollback import choose_target

    kept = open_kept(session)
    stack = read_stack(kept, read_generation(kept, choose_target(kept, number)))
    preparers = preparers_of(stack, GatewayEnv(user_folder("data") / "gateway"))
    return build_deps(kept.folder, stack.engine, preparers)


def open_what_runs(session: Session, profile: str | None) -> tuple[Stack, Deps]:
    """Return what was brought up last: the profile's stack, or a generation's, if none is named and it was a rollback.

    Raises NotRunning, ProfileError, UsageError, StepFailed.
    """
    from aisuite.cli.wiring import wire_again
    from aisuite.ops.record import require_record
    from aisuite.ops.rollback import as_brought_back

    number = require_record(open_kept(session)).generation if profile is None else None
    if number is not None:
        return as_brought_back(number, open_generation(session, number))
    suite = wire_again(profile, session.project, session.state)
    return suite.stack, suite.deps


class ProjectData:
    """What the services of a project keep: saved, and brought back."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def save(self) -> str:
        """Make a backup on the project's own shelf, and return its id."""
        from aisuite.cli.archive_doors import Destination, open_backup
        from aisuite.ops.backup import BackupRequest, backup

        return backup(BackupRequest("before-upgrade"), open_backup(self._session, Destination())).manifest.id

    def holds(self, bundle: str) -> bool:
        """Whether a backup lies on a shelf of the project."""
        from aisuite.cli.archive_doors import find_shelf

        return find_shelf(self._session, bundle) is not None

    def restore(self, bundle: str) -> None:
        """Bring back what a backup holds, while no service runs that keeps anything."""
        from aisuite.cli.archive_doors import find_shelf, open_shelf
        from aisuite.cli.restore_doors import open_restore
        from aisuite.ops.restore import RestoreRequest, restore_bundle

        shelf = find_shelf(self._session, bundle) or open_shelf(self._session)
        # Reconciled later: by the services that belong to this data.
        restore_bundle(RestoreRequest(bundle, reconcile=False), shelf, open_restore(self._session))

    def reconcile(self, stack: Stack) -> None:
        """Let running services make what they derive follow what they keep."""
        from aisuite.adapters.chat import HttpChat

        key = (open_kept(self._session).read(f"secrets/{SERVICE_KEY}") or "").strip()
        for service in stack.services:
            if service.state.reconcile_path is not None:
                HttpChat().post(service.published.url + service.state.reconcile_path, key, {}, _PATIENCE)
