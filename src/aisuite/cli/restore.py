"""`aisuite restore`: bring a backup back, finish what was cut off, or take it back."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisuite.cli.backups import Kept
from aisuite.cli.options import Session, command
from aisuite.errors import UsageError

if TYPE_CHECKING:
    from aisuite.bundle.restore_steps import Restore
    from aisuite.ops.restore import RestoreReport

_LIST = "aisuite backup list"


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("restore")(restore)


@command("restore")
def restore(
    session: Session,
    bundle: Annotated[str | None, typer.Argument(metavar="ID", help="The backup; see aisuite backup list.")] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only", metavar="A,B", help="What these services keep; config: the configuration, as a generation."
        ),
    ] = None,
    as_: Annotated[
        str | None, typer.Option("--as", metavar="PROJECT", help="Into this project, whosever backup it is.")
    ] = None,
    from_: Annotated[Path | None, typer.Option("--from", help="Folder of the backups, if it is another.")] = None,
    engine: Kept = "dir",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the backup, say what would be done, and stop.")] = (
        False
    ),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Finish a restore that was cut off.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back a restore that was cut off.")] = False,
) -> int:
    """Bring back what a backup holds; what is there now is backed up first."""
    from aisuite.cli.archive_doors import is_repository
    from aisuite.cli.view import restore as view

    if resume or undo:
        if (resume and undo) or bundle is not None:
            raise UsageError("--resume and --undo stand alone", "aisuite restore --resume")
        report = _end(session if as_ is None else replace(session, project=as_), back=undo)
        return session.out.show(view.restore_json(report), view.restore_text(report), report.exit_code)
    if bundle is None:
        raise UsageError("which backup?", f"{_LIST}, then: aisuite restore ID")
    names = tuple(name for name in (only or "").split(",") if name)
    if only is not None and not names:
        raise UsageError("--only names no service", f"aisuite restore {bundle}")
    if not dry_run and not yes and not _meant(session, bundle):
        return session.out.show({}, "nothing was restored")
    if is_repository(engine, from_):
        bundle = _fetch(session, bundle)
    report = _begin(session, bundle, names, as_, from_, dry_run=dry_run)
    return session.out.show(view.restore_json(report), view.restore_text(report), report.exit_code)


def _meant(session: Session, bundle: str) -> bool:
    """Ask the person at the terminal. Raises UsageError when there is none."""
    if session.out.json or not sys.stdin.isatty():
        raise UsageError(
            f"this would replace what the services keep by backup {bundle}; nothing was done",
            f"aisuite restore {bundle} --yes   # or --dry-run",
        )
    return typer.confirm(f"Replace what the services keep by backup {bundle}? (it is backed up first)", err=True)


def _fetch(session: Session, bundle: str) -> str:
    """Lay a bundle of the repository onto the project's shelf, where it stays; return its id."""
    from aisuite.adapters.bundle_shelf import BundleShelf
    from aisuite.cli.archive_doors import open_repository, open_shelf
    from aisuite.ops.repository import bring_back

    return bring_back(bundle, session.project, open_shelf(session), open_repository(session), BundleShelf)


def _begin(
    session: Session, bundle: str, only: tuple[str, ...], as_: str | None, folder: Path | None, *, dry_run: bool
) -> RestoreReport:
    from aisuite.cli.archive_doors import open_shelf
    from aisuite.cli.restore_doors import open_restore
    from aisuite.ops.restore import RestoreRequest, plan_restore, restore_bundle

    shelf = open_shelf(session, None if folder is None else folder.absolute())
    shelf.manifest(bundle)  # a typo is told before anything else is looked at
    doors = open_restore(session if as_ is None else replace(session, project=as_))
    request = RestoreRequest(bundle, only, another=as_ is not None)
    if dry_run:
        return plan_restore(request, shelf, doors)
    return restore_bundle(request, shelf, doors, lambda now: _tell(session, now))


def _end(session: Session, *, back: bool) -> RestoreReport:
    from aisuite.cli.restore_doors import open_restore
    from aisuite.ops.restore import resume_restore, undo_restore

    doors = open_restore(session)
    return (undo_restore if back else resume_restore)(doors, lambda now: _tell(session, now))


def _tell(session: Session, now: Restore) -> None:
    from aisuite.cli.view import restore as view

    session.out.say(view.step_line(now))
