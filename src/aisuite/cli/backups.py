"""Commands about the backups that there are: list, verify, forget, schedule."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisuite.cli.options import Session, command

if TYPE_CHECKING:
    from aisuite.bundle.model import Level
    from aisuite.bundle.retention import Keep
    from aisuite.ports.archive import Shelf
    from aisuite.ports.timers import Timers

ShelfFolder = Annotated[
    Path | None, typer.Option("--from", help="Folder of the backups; without it, backups/ in the project's folder.")
]
Kept = Annotated[
    str, typer.Option("--engine", metavar="dir|restic", help="Where they lie: restic, the repository it is told of.")
]
KeepLast = Annotated[int | None, typer.Option("--keep-last", min=0, help="The newest N.")]
KeepDaily = Annotated[int | None, typer.Option("--keep-daily", min=0, help="The newest of each of the last N days.")]
KeepWeekly = Annotated[int | None, typer.Option("--keep-weekly", min=0, help="The newest of each of the last N weeks.")]
KeepMonthly = Annotated[
    int | None, typer.Option("--keep-monthly", min=0, help="The newest of each of the last N months.")
]
KeepWithin = Annotated[
    str | None,
    typer.Option("--keep-within", metavar="SPAN", help="All so long before the newest, as 1y6m14d12h."),
]


_FORGET = "aisuite backup forget --engine restic"


def register(group: typer.Typer) -> None:
    """Add these commands to the group `backup`."""
    for function in (list_, verify, forget, schedule):
        group.command(function.__name__.rstrip("_"))(function)


@command("backup.list")
def list_(session: Session, folder: ShelfFolder = None, engine: Kept = "dir") -> int:
    """List the backups, the newest first, with age, size and how well each was verified."""
    from aisuite.cli.archive_doors import is_repository, open_repository, open_shelf
    from aisuite.cli.view import backups as view
    from aisuite.ops.backups import list_backups
    from aisuite.ops.repository import list_stored

    clock = session.deps().clock
    if is_repository(engine, folder):
        stored = list_stored(open_repository(session), clock)
        return session.out.show(view.stored_json(stored), view.stored_text(stored, session.out))
    report = list_backups(session.project, open_shelf(session, folder), clock)
    return session.out.show(view.list_json(report), view.list_text(report, session.out))


@command("backup.verify")
def verify(
    session: Session,
    bundle: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Its id, or how that begins; without it the newest.")
    ] = None,
    level: Annotated[
        str,
        typer.Option(
            metavar="quick|full|drill",
            help="quick: every byte; full: every database, too; drill: restored beside, compared, removed.",
        ),
    ] = "full",
    folder: ShelfFolder = None,
    engine: Kept = "dir",
) -> int:
    """Check a backup again. Exit code 7 when it is damaged; it counts as verified no more, then."""
    from aisuite.adapters.bundle_shelf import BundleShelf
    from aisuite.bundle.model import Level
    from aisuite.cli.archive_doors import is_repository, open_repository, open_shelf
    from aisuite.errors import UsageError
    from aisuite.ops.backup_age import write_age
    from aisuite.ops.backups import find_backup
    from aisuite.ops.repository import fetched

    if level not in set(Level):
        raise UsageError(f"--level {level}: there is quick, full and drill", "aisuite backup verify --level full")
    shelf, deps = open_shelf(session, folder), session.deps()
    if is_repository(engine, folder):
        with fetched(bundle, session.project, shelf, open_repository(session), BundleShelf) as (stored, lent):
            return _verify(session, stored.bundle, lent, Level(level))
    wanted = find_backup(bundle, session.project, shelf)
    try:
        return _verify(session, wanted, shelf, Level(level))
    finally:
        if folder is None:  # what lies elsewhere says nothing about the project's own
            write_age(deps.workdir, shelf, session.project, deps.clock)


def _verify(session: Session, bundle: str, shelf: Shelf, level: Level) -> int:
    from aisuite.adapters.sqlite_files import SqliteFiles
    from aisuite.cli.view import backups as view
    from aisuite.ops.backups import verify_backup

    if level == "drill":
        return _drill(session, bundle, shelf)
    report = verify_backup(bundle, level, shelf, SqliteFiles(), session.deps().clock)
    return session.out.show(view.verify_json(report), view.verify_text(report))


def _drill(session: Session, bundle: str, shelf: Shelf) -> int:
    from aisuite.cli.restore_doors import open_drill
    from aisuite.cli.view import verify_drill as view
    from aisuite.ops.verify_drill import drill_backup

    report = drill_backup(bundle, shelf, open_drill(session))
    return session.out.show(view.drill_json(report), view.drill_text(report), report.exit_code)


@command("backup.forget")
def forget(
    session: Session,
    last: KeepLast = None,
    daily: KeepDaily = None,
    weekly: KeepWeekly = None,
    monthly: KeepMonthly = None,
    within: KeepWithin = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    folder: ShelfFolder = None,
    engine: Kept = "dir",
    prune: Annotated[
        bool, typer.Option("--prune", help="With --engine restic: give back the space at once; it may take long.")
    ] = False,
) -> int:
    """Remove the project's backups that no rule keeps. The newest verified one stays, whatever the rules say.

    Without --keep-... the profile's rules are meant. In a repository they are about what was made here, in the same
    folder of backups.
    """
    from aisuite.cli.archive_doors import is_repository, open_repository, open_shelf
    from aisuite.cli.view import backups as view
    from aisuite.errors import UsageError
    from aisuite.ops.backups import ForgetRequest, forget_backups
    from aisuite.ops.repository import forget_stored

    by_profile = folder is None and all(one is None for one in (last, daily, weekly, monthly, within))
    keep = _keep_of_profile(session) if by_profile else _keep(last, daily, weekly, monthly, within)
    request = ForgetRequest(keep, dry_run, prune)
    shelf = open_shelf(session, folder)
    if is_repository(engine, None):  # which may hold what was made in other folders, too
        stored = forget_stored(request, session.project, shelf, open_repository(session), session.deps().workdir)
        return session.out.show(view.forget_stored_json(stored), view.forget_stored_text(stored))
    if prune:
        raise UsageError("--prune is for a repository: a folder's space comes back by itself", f"{_FORGET} --prune")
    report = forget_backups(request, session.project, shelf, session.deps())
    return session.out.show(view.forget_json(report), view.forget_text(report))


@command("backup.schedule")
def schedule(
    session: Session,
    at: Annotated[str, typer.Option("--at", metavar="HH:MM", help="Time of day, as this machine has it.")] = "03:00",
    day: Annotated[str | None, typer.Option("--on", metavar="DAY", help="mon ... sun; without it every day.")] = None,
    kind: Annotated[
        str | None, typer.Option("--with", metavar="systemd|cron", help="Without it, what works here.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="As in aisuite backup --to.")] = None,
    last: KeepLast = None,
    daily: KeepDaily = None,
    weekly: KeepWeekly = None,
    monthly: KeepMonthly = None,
    within: KeepWithin = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Set it; without it, only print it.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the timer of this project.")] = False,
) -> int:
    """Back up by the clock: print a systemd user timer or a crontab line, and set it with --yes.

    What no rule keeps is removed after each backup: by the rules given here, else the profile's, else one for each of
    7 days, 4 weeks and 6 months. With --keep-last 0 nothing is removed.
    """
    from aisuite.bundle.schedule import Schedule, read_time
    from aisuite.cli.view import backups as view
    from aisuite.ops.schedule_backups import schedule_backups

    timers = _open_timers(kind, needed=yes or remove)
    if remove:
        found = timers.remove(session.project)
        return session.out.show(
            {"removed": found, "kind": timers.kind}, "removed" if found else "there was no timer of this project"
        )
    hour, minute, weekday = read_time(at, day)
    rules = {"last": last, "daily": daily, "weekly": weekly, "monthly": monthly, "within": within}
    _keep(last, daily, weekly, monthly, within)  # what forget would refuse is told now
    by_profile = all(one is None for one in rules.values())
    if by_profile and (to is not None or not _keep_of_profile(session).says_something):
        rules, by_profile = {"daily": 7, "weekly": 4, "monthly": 6}, False
    commands = _commands(session, to, rules, by_profile=by_profile)
    wanted = Schedule(session.project, commands, hour, minute, weekday)
    report = schedule_backups(wanted, timers, apply=yes)
    return session.out.show(view.schedule_json(report), view.schedule_text(report))


def _keep(last: int | None, daily: int | None, weekly: int | None, monthly: int | None, within: str | None) -> Keep:
    from aisuite.bundle.retention import Keep, parse_span

    return Keep(last or 0, daily or 0, weekly or 0, monthly or 0, None if within is None else parse_span(within))


def _keep_of_profile(session: Session) -> Keep:
    """Return the rules by which `aisuite backup` removes something by itself."""
    from aisuite.bundle.retention import keep_of
    from aisuite.cli.archive_doors import read_policy

    return keep_of(read_policy(session))


def _commands(
    session: Session, to: Path | None, keep: dict[str, int | str | None], *, by_profile: bool
) -> tuple[tuple[str, ...], ...]:
    """Return what is run by the clock, with nothing that depends on where or by whom.

    By the profile's rules `backup` forgets by itself, in a repository, too; to give back its space is left.
    """
    from aisuite.cli.archive_doors import read_policy

    program = (sys.executable, "-m", "aisuite", "backup")
    about: tuple[str, ...] = ("--project", session.project, "--state", str(session.state.absolute()), "--quiet")
    rules = tuple(word for rule, value in keep.items() if value for word in (f"--keep-{rule}", str(value)))
    make = (*program, *about, *(("--to", str(to.absolute())) if to else ()))
    about += ("--from", str(to.absolute())) if to else ()
    on_shelf = (*program, "forget", *rules, *about)
    stored = (*program, "forget", "--engine", "restic", "--prune", *rules, *about)
    in_repository = (stored,) if read_policy(session).engine == "restic" and (rules or by_profile) else ()
    return make, *((on_shelf,) if rules else ()), *in_repository


def _open_timers(kind: str | None, *, needed: bool) -> Timers:
    """Return the timers that were named, or that work here. Raises UsageError."""
    from aisuite.adapters.timers import Crontab, SystemdTimers, find_timers
    from aisuite.errors import UsageError

    if kind is None:
        found = find_timers()
        if found is None and needed:
            words = "neither systemd runs timers of this user here, nor cron"
            raise UsageError(words, "aisuite backup schedule --with cron   # prints a line for another machine")
        return found or SystemdTimers()
    if kind not in {"systemd", "cron"}:
        raise UsageError(f"--with {kind}: there is systemd and cron", "aisuite backup schedule --with cron")
    return SystemdTimers() if kind == "systemd" else Crontab()
