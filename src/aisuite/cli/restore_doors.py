"""Where restores meet the real adapters; built when needed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aisuite.cli.archive_doors import FOLDER, Destination, open_backup
from aisuite.cli.wiring import build_deps

if TYPE_CHECKING:
    from pathlib import Path

    from aisuite.cli.options import Session
    from aisuite.ops.restore_work import RestoreDoors
    from aisuite.ops.verify_drill import DrillDoors
    from aisuite.ports import KeptData

_GATE = "verify-drill"  # in the project's folder: keeps two drills apart


def open_restore(session: Session) -> RestoreDoors:
    """Return all that a restore into a project needs. Raises UsageError, EngineUnavailable."""
    from aisuite.adapters.bundle_shelf import BundleShelf
    from aisuite.adapters.kept_places import KeptPlaces
    from aisuite.ops.restore_work import RestoreDoors

    return RestoreDoors(open_backup(session, Destination()), KeptPlaces(), BundleShelf)


def open_drill(session: Session) -> DrillDoors:
    """Return all that a drill beside a project needs."""
    from aisuite.adapters.bundle_shelf import BundleShelf
    from aisuite.adapters.kept_places import KeptPlaces
    from aisuite.adapters.workdir import ProjectDir
    from aisuite.ops.restore_work import RestoreDoors
    from aisuite.ops.verify_drill import DrillDoors

    own = open_backup(session, Destination())
    engine = own.deps.engine.name

    def open_scratch(folder: Path) -> RestoreDoors:
        deps = build_deps(folder, engine, {})
        backup = replace(own, deps=deps, shelf=BundleShelf(folder / FOLDER))
        return RestoreDoors(backup, KeptPlaces(), BundleShelf)

    def kept(folder: Path) -> KeptData:
        if engine == "docker":
            from aisuite.adapters.docker_engine.volumes import DockerVolumes

            return DockerVolumes(folder.name, folder)
        from aisuite.adapters.service_folders import ServiceFolders

        return ServiceFolders(folder)

    gate = ProjectDir(own.deps.workdir.folder / _GATE)
    return DrillDoors(own.deps.workdir, gate, own.deps.host, open_scratch, kept)
