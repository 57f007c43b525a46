"""Where backups meet the real adapters; built when needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.cli.wiring import open_engine, open_folder, open_images, open_project, project_folder
from aisuite.errors import UsageError

if TYPE_CHECKING:
    from aisuite.cli.options import Session
    from aisuite.ops.backup import BackupDoors
    from aisuite.ports import Deps
    from aisuite.ports.archive import Repository, Sealer, Shelf
    from aisuite.stack.model import BackupPolicy

FOLDER = "backups"  # of a project's folder
FETCHED = "fetched"  # of the same: what a restore has fetched from a repository, until it is over
RESTIC = "secrets/restic.env"  # of the same: timers have no other environment


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a bundle shall go, and in which form."""

    folder: Path | None = None  # None: below the project's folder
    recipient: str | None = None  # secrets are encrypted for it; None: they are left out
    restic: bool = False  # into a restic repository, too


def open_shelf(session: Session, folder: Path | None = None) -> Shelf:
    """Return the folder in which bundles lie: this one, or the one that the profile names, or the project's own."""
    from aisuite.adapters.bundle_shelf import BundleShelf

    named = read_policy(session).folder if folder is None else None
    return BundleShelf(folder or Path(named or project_folder(session.project, session.state) / FOLDER))


def find_shelf(session: Session, bundle: str) -> Shelf | None:
    """Return the shelf on which a backup lies: today's, or one that the profile named when it was made."""
    from aisuite.adapters.bundle_shelf import BundleShelf
    from aisuite.bundle.kept_state import FILE
    from aisuite.ops.generations import FOLDER as GENERATIONS
    from aisuite.ops.generations import list_generations

    folder = project_folder(session.project, session.state)
    kept = open_folder(folder)
    states = [FILE, *(f"{GENERATIONS}/{one.number}/{FILE}" for one in reversed(list_generations(kept)))]
    places = (_policy_in(kept.read(name)).folder or folder / FOLDER for name in states)
    shelves = (BundleShelf(Path(place)) for place in places)
    return next((shelf for shelf in shelves if bundle in shelf.list()), None)


def open_fetched(session: Session) -> Shelf:
    """Return the folder into which a restore fetches what only a repository has."""
    from aisuite.adapters.bundle_shelf import BundleShelf

    return BundleShelf(project_folder(session.project, session.state) / FETCHED)


def is_repository(engine: str, folder: Path | None) -> bool:
    """Whether restic's repository is meant, not a folder. Raises UsageError."""
    if engine not in {"dir", "restic"}:
        raise UsageError(f"--engine {engine}: there is dir and restic", "aisuite backup list --engine restic")
    if engine == "restic" and folder is not None:
        raise UsageError(
            "--from names a folder, and --engine restic a repository", "aisuite backup list --engine restic"
        )
    return engine == "restic"


def read_policy(session: Session) -> BackupPolicy:
    """Return what the profile that was brought up says of backups; nothing before the first `up`."""
    from aisuite.bundle.kept_state import FILE

    return _policy_in(open_folder(project_folder(session.project, session.state)).read(FILE))


def _policy_in(text: str | None) -> BackupPolicy:
    from aisuite.bundle.kept_state import parse_state
    from aisuite.stack.model import BackupPolicy

    try:
        return BackupPolicy() if text is None else parse_state(text).backup
    except ValueError:
        return BackupPolicy()  # backup itself refuses; what only looks goes on


def open_backup(session: Session, to: Destination) -> BackupDoors:
    """Return all that a backup needs. Raises UsageError, EngineUnavailable."""
    from aisuite.adapters.chat import HttpChat
    from aisuite.adapters.kept_files import LocalFiles
    from aisuite.adapters.qdrant_rest import QdrantRest
    from aisuite.adapters.sqlite_files import SqliteFiles
    from aisuite.ops.backup import BackupDoors

    return BackupDoors(
        deps=open_last(session),
        shelf=open_shelf(session, to.folder),
        databases=SqliteFiles(),
        files=LocalFiles(),
        store=QdrantRest,
        chat=HttpChat(),
        sealer=_open_sealer(to.recipient),
        repository=open_repository(session) if to.restic else None,
    )


def open_last(session: Session) -> Deps:
    """Open a project on the engine on which it was brought up last, also after a `down`."""
    from aisuite.ops.record import read_last_engine

    deps = open_project(session.project, session.state)
    engine = read_last_engine(deps.workdir)
    if engine != "docker" or deps.engine.name == engine:
        return deps
    return replace(deps, engine=open_engine(deps.workdir.folder, "docker"), images=open_images())


def _open_sealer(recipient: str | None) -> Sealer | None:
    if recipient is None:
        return None
    from aisuite.adapters.age_files import AgeFiles

    return AgeFiles(recipient)


def open_repository(session: Session) -> Repository:
    """Return restic's repository, as the environment names it, or else the project's own file for those who have none.

    Raises UsageError.
    """
    import os

    from aisuite.adapters.restic import Restic, read_environment

    file = project_folder(session.project, session.state) / RESTIC
    return Restic({**read_environment(file), **os.environ})
