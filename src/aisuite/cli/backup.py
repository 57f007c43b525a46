"""`aisuite backup`: make a backup, and the group of the commands about those that there are."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Annotated

import typer

from aisuite import __version__
from aisuite.cli import backups
from aisuite.cli.options import Session, command
from aisuite.errors import UsageError

backup = typer.Typer(
    help="Back up everything that cannot be made again; with a further word: list, verify, forget, schedule.",
    rich_markup_mode=None,
    invoke_without_command=True,
)
_AGE = "age:"


def register(app: typer.Typer) -> None:
    """Add this group to the app."""
    backup.callback()(make)
    backups.register(backup)
    app.add_typer(backup, name="backup")


@command("backup")
def make(
    session: Session,
    context: typer.Context,
    name: Annotated[str | None, typer.Option("--name", help="Becomes part of its id.")] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            help="Folder for it, in which nothing is removed; without it, the profile's, or the project's backups/.",
        ),
    ] = None,
    with_secrets: Annotated[bool, typer.Option("--with-secrets", help="Keys, too; needs --encrypt.")] = False,
    encrypt: Annotated[
        str | None, typer.Option("--encrypt", metavar="age:RECIPIENT", help="Who can read the secrets in it.")
    ] = None,
    with_models: Annotated[
        bool, typer.Option("--with-models", help="Model files, too; without it, their names and digests.")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            metavar="dir|restic",
            help="restic: into its repository as well; without it, as the profile says.",
        ),
    ] = None,
    quiesce: Annotated[bool, typer.Option("--quiesce", help="Writers wait while the databases are copied.")] = False,
) -> int:
    """Make a backup of everything that cannot be made again, and check it.

    Then what the profile's rules (backup.keep_...) do not keep is removed; the newest verified backup always stays.
    """
    if context.invoked_subcommand is not None:
        return _refuse_options_before(context)
    from aisuite.cli.archive_doors import Destination, open_backup, read_policy
    from aisuite.cli.view import backup as view
    from aisuite.ops.backup import BackupRequest
    from aisuite.ops.backup import backup as make_backup

    engine = read_policy(session).engine if engine is None else engine
    if engine not in {"dir", "restic"}:
        raise UsageError(f"--engine {engine}: there is dir and restic", "aisuite backup --engine restic")
    doors = open_backup(session, Destination(to, _recipient(encrypt, wanted=with_secrets), engine == "restic"))
    facts = {"python": platform.python_version(), "system": platform.platform(), "aisuite": __version__}
    report = make_backup(BackupRequest(name, quiesce, with_models, facts, by_policy=to is None), doors)
    return session.out.show(view.backup_json(report), view.backup_text(report), report.exit_code)


def _recipient(encrypt: str | None, *, wanted: bool) -> str | None:
    """Return for whom secrets are encrypted; None when they are left out. Raises UsageError."""
    usage = "aisuite backup --with-secrets --encrypt age:age1..."
    if wanted and encrypt is None:
        raise UsageError("--with-secrets needs --encrypt: keys are never kept as they are", usage)
    if encrypt is None:
        return None
    if not wanted:
        raise UsageError("--encrypt is for secrets, which are left out without --with-secrets", usage)
    if not encrypt.startswith(_AGE):
        raise UsageError(f"--encrypt {encrypt}: there is only age:RECIPIENT", usage)
    return encrypt.removeprefix(_AGE)


def _refuse_options_before(context: typer.Context) -> int:
    """Let a further word go on. Raises UsageError for options before it, which it would not get."""
    given = [one for one in context.params if context.get_parameter_source(one).name == "COMMANDLINE"]  # type: ignore[union-attr]
    if given:
        word = context.invoked_subcommand
        raise UsageError(f"options stand behind the word {word}", f"aisuite backup {word} --help")
    return 0
