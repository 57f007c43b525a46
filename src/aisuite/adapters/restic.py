"""Bundles in a restic repository, the one that RESTIC_REPOSITORY and RESTIC_PASSWORD_FILE name, as restic has it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING, Any

from aisuite.bundle.identity import taken_at
from aisuite.bundle.stored import Stored
from aisuite.errors import BackupFailed, RestoreFailed, UsageError
from aisuite.profile.dotenv import parse_dotenv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_INCOMPLETE, _NO_REPOSITORY, _LOCKED, _WRONG_PASSWORD = 3, 10, 11, 12
# Before 0.17 restic ends with 1 for all of these, and says only in words what it was.
_WORDS = {
    "repository does not exist": _NO_REPOSITORY,
    "unable to open config file": _NO_REPOSITORY,
    "already locked": _LOCKED,
    "unable to create lock": _LOCKED,
    "wrong password": _WRONG_PASSWORD,
}
_CAUSES = {
    _INCOMPLETE: ("restic could not read all of the backup", None),
    _NO_REPOSITORY: ("there is no restic repository there", "restic init"),
    _LOCKED: ("the restic repository is locked", "restic list locks   # who holds it; restic unlock removes dead ones"),
    _WRONG_PASSWORD: ("the password does not open the restic repository", "echo $RESTIC_PASSWORD_FILE"),
}
_PROJECT = "project:"  # how that tag begins
_DAMAGED = "damaged"
_OTHERS = 0o077  # whatever is allowed to group and others
_SHOWN = 300  # signs of what restic said


def read_environment(file: Path) -> dict[str, str]:
    """Return the variables that a file sets for restic; none when it is not there. Raises UsageError."""
    try:
        with file.open(encoding="utf-8") as opened:
            if os.fstat(opened.fileno()).st_mode & _OTHERS:
                raise UsageError(f"others may read or write {file}, and it may hold a password", f"chmod 600 {file}")
            found, problems = parse_dotenv(opened.read(), str(file))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as err:
        raise UsageError(f"{file} cannot be read: {err}", f"ls -l {file}") from err
    if problems:
        raise UsageError("\n".join(map(str, problems)), f"less {file}")
    return {one.name: one.value for one in found}


class Restic:
    """Runs the `restic` program; locks of processes that are dead are removed.

    Raises UsageError where it is missing, or nobody said where its repository is.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = dict(os.environ if environment is None else environment)
        program = shutil.which("restic", path=self._environment.get("PATH"))
        if program is None:
            raise UsageError("--engine restic needs the program restic, which is not here", "sudo apt install restic")
        if not any(self._environment.get(name) for name in ("RESTIC_REPOSITORY", "RESTIC_REPOSITORY_FILE")):
            raise UsageError("nobody says where restic's repository is", "export RESTIC_REPOSITORY=/mnt/disk/restic")
        self._program = program

    @property
    def host(self) -> str:
        """How this machine is called in the repository."""
        return self._environment.get("RESTIC_HOST") or socket.gethostname()

    def store(self, shelf: Path, bundle: str, project: str) -> str:
        """Take a bundle in, tagged with its project; return the id of restic's snapshot.

        Also brought back with: restic restore ID --target SHELF. Raises BackupFailed.
        """
        tags = ("--tag", "aisuite", "--tag", f"{_PROJECT}{project}")
        done = self._run_unlocked(shelf, "backup", "--json", "--host", self.host, *tags, "--", bundle)
        if done.returncode:
            why, hint = _told(done)
            raise BackupFailed(f"the backup lies in {shelf / bundle}, but not in the repository: {why}", hint)
        return _snapshot(done.stdout)

    def bundles(self) -> tuple[Stored, ...]:
        """Return what is there, of all projects, oldest first; a bundle may be there twice. Raises RestoreFailed."""
        done = self._run_unlocked(None, "snapshots", "--json", "--tag", "aisuite")
        if done.returncode:
            why, hint = _told(done)
            raise RestoreFailed(f"the repository cannot be read: {why}", hint)
        try:
            found = [_stored(one) for one in json.loads(done.stdout) or ()]
        except (ValueError, LookupError, TypeError, AttributeError) as err:
            raise RestoreFailed("restic lists its snapshots in a way that is not known here", "restic version") from err
        return tuple(sorted((one for one in found if one is not None), key=lambda one: one.bundle))

    def fetch(self, stored: Stored, folder: Path) -> None:
        """Bring a bundle back into a folder, under its id; nothing in it is checked yet. Raises RestoreFailed."""
        done = self._run_unlocked(None, "restore", stored.snapshot, "--target", str(folder))
        if done.returncode:
            why, hint = _told(done)
            raise RestoreFailed(f"the repository does not give {stored.bundle} back: {why}", hint)

    def mark(self, stored: Stored, *, damaged: bool) -> None:
        """Tag a bundle as damaged, or take that tag away; restic gives it another id then. Raises BackupFailed."""
        self._change("tag", "--add" if damaged else "--remove", _DAMAGED, "--", stored.snapshot)

    def forget(self, stored: Sequence[Stored], *, prune: bool) -> None:
        """Remove bundles; `prune` gives back at once the space that nothing needs any more. Raises BackupFailed."""
        if stored:
            self._change("forget", "--", *(one.snapshot for one in stored))
        if prune:
            self._change("prune")

    def _change(self, *words: str) -> None:
        done = self._run_unlocked(None, *words)
        if done.returncode:
            why, hint = _told(done)
            raise BackupFailed(f"the repository did not do as asked (restic {words[0]}): {why}", hint)

    def _run_unlocked(self, folder: Path | None, *words: str) -> subprocess.CompletedProcess[str]:
        done = self._run(folder, *words)
        if _code(done) != _LOCKED:
            return done
        # It removes no lock of a process that lives here, nor a fresh one of another machine.
        self._run(folder, "unlock")
        return self._run(folder, *words)

    def _run(self, folder: Path | None, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._program, *words],
            cwd=folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def _told(done: subprocess.CompletedProcess[str]) -> tuple[str, str | None]:
    """Return what went wrong, and what can be done."""
    cause, hint = _CAUSES.get(_code(done), ("restic failed", None))
    said = " ".join(done.stderr.split())[:_SHOWN]
    return f"{cause} (exit code {done.returncode}: {said})", hint


def _code(done: subprocess.CompletedProcess[str]) -> int:
    """Return the exit code as newer versions give it."""
    if done.returncode != 1:
        return done.returncode
    said = done.stderr.lower()
    return next((code for words, code in _WORDS.items() if words in said), 1)


def _snapshot(text: str) -> str:
    for line in reversed(text.splitlines()):
        try:
            told: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and told.get("message_type") == "summary":
            return str(told.get("snapshot_id", ""))
    raise BackupFailed("restic did not say what it has kept", "restic snapshots")


def _stored(snapshot: dict[str, Any]) -> Stored | None:
    """Return the bundle of a snapshot; None for one that was not made here."""
    shelf, _, bundle = str(snapshot["paths"][0]).rpartition("/")
    tags = [str(tag) for tag in snapshot.get("tags") or ()]
    project = next((tag.removeprefix(_PROJECT) for tag in tags if tag.startswith(_PROJECT)), None)
    if taken_at(bundle) is None:
        return None
    return Stored(bundle, str(snapshot["id"]), project, snapshot.get("hostname"), shelf, _DAMAGED in tags)
