"""Where upgrades and rollbacks meet the real adapters; built when needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.cli.folders import user_folder
from aisuite.cli.wiring import build_deps, open_folder, preparers_of, project_folder
from aisuite.errors import RestoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from aisuite.cli.options import Session
    from aisuite.ops.upgrade import UpgradeDoors
    from aisuite.ports import Deps, Workdir


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


def upgrade_doors(session: Session) -> UpgradeDoors:
    """Return what makes a backup of a project, and what brings one back."""
    from aisuite.ops.upgrade import UpgradeDoors

    def save() -> str:
        from aisuite.cli.archive_doors import Destination, open_backup
        from aisuite.ops.backup import BackupRequest, backup

        return backup(BackupRequest("before-upgrade"), open_backup(session, Destination())).manifest.id

    return UpgradeDoors(save, restore_with(session))


def restore_with(session: Session) -> Callable[[str], None]:
    """Return what brings the data of a backup back while nothing of the project runs."""

    def restore(bundle: str) -> None:
        raise RestoreFailed("data is not brought back by itself yet", f"aisuite restore {bundle}")

    return restore
