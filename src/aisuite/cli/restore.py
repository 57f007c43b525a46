"""`aisuite restore`: bring a backup back, finish what was cut off, or take it back."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisuite.cli.backups import Kept
from aisuite.cli.options import Session, command
from aisuite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.bundle.restore_steps import Restore
    from aisuite.ops.restore import RestoreReport, RestoreRequest
    from aisuite.ports.archive import Shelf

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
    from aisuite.ops.restore import RestoreRequest

    target = session if as_ is None else replace(session, project=as_)
    if resume or undo:
        if (resume and undo) or bundle is not None:
            raise UsageError("--resume and --undo stand alone", "aisuite restore --resume")
        with _given_back(target):
            report = _end(target, back=undo)
        return session.out.show(view.restore_json(report), view.restore_text(report), report.exit_code)
    if bundle is None:
        raise UsageError("which backup?", f"{_LIST}, then: aisuite restore ID")
    names = tuple(name for name in (only or "").split(",") if name)
    if only is not None and not names:
        raise UsageError("--only names no service", f"aisuite restore {bundle}")
    if not dry_run and not yes and not _meant(session, bundle):
        return session.out.show({}, "nothing was restored")
    with _given_back(target):
        if is_repository(engine, from_):
            bundle, shelf = _fetch(session, target, bundle)
        else:
            shelf = _open_shelf(session, bundle, from_)
        report = _begin(target, RestoreRequest(bundle, names, another=as_ is not None), shelf, dry_run=dry_run)
    return session.out.show(view.restore_json(report), view.restore_text(report), report.exit_code)


def _meant(session: Session, bundle: str) -> bool:
    """Ask the person at the terminal. Raises UsageError when there is none."""
    if session.out.json or not sys.stdin.isatty():
        raise UsageError(
            f"this would replace what the services keep by backup {bundle}; nothing was done",
            f"aisuite restore {bundle} --yes   # or --dry-run",
        )
    return typer.confirm(f"Replace what the services keep by backup {bundle}? (it is backed up first)", err=True)


def _open_shelf(session: Session, bundle: str, folder: Path | None) -> Shelf:
    from aisuite.cli.archive_doors import open_shelf

    shelf = open_shelf(session, None if folder is None else folder.absolute())
    shelf.manifest(bundle)  # a typo is told before anything else is looked at
    return shelf


def _fetch(session: Session, target: Session, bundle: str) -> tuple[str, Shelf]:
    """Return the id of a bundle of the repository, and where it lies now: on the shelf it may be already."""
    from aisuite.adapters.bundle_shelf import BundleShelf
    from aisuite.cli.archive_doors import open_fetched, open_repository, open_shelf
    from aisuite.ops.repository import bring_back

    places = open_shelf(session), open_fetched(target)
    return bring_back(bundle, session.project, places, open_repository(session), BundleShelf)


@contextmanager
def _given_back(session: Session) -> Iterator[None]:
    """Remove afterwards what was fetched, by this restore or by one that was killed; --undo may need it before."""
    from aisuite.cli.archive_doors import open_fetched
    from aisuite.cli.wiring import open_folder, project_folder
    from aisuite.ops.repository import give_back

    try:
        yield
    finally:
        gone = give_back(open_fetched(session), open_folder(project_folder(session.project, session.state)))
        if gone:
            session.out.say(f"removed what was fetched: {', '.join(gone)}; the repository has it")


def _begin(session: Session, request: RestoreRequest, shelf: Shelf, *, dry_run: bool) -> RestoreReport:
    from aisuite.cli.restore_doors import open_restore
    from aisuite.ops.restore import plan_restore, restore_bundle

    doors = open_restore(session)
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
