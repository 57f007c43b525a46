"""A project's folder on disk: one writer at a time, nothing half-written, nothing readable by others."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from aisuite.adapters.durable import UNFINISHED, replace_file, replace_link, sync_folder
from aisuite.errors import DiskFull, ProjectLocked, StateUnwritable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LOCK = ".lock"
_NOT_SWEPT = frozenset(
    {"backups", "data", "evidence", "logs", "run"}
)  # others write there, and there may be very many files
_GATEWAY_KEY = "gateway_key"


class ProjectDir:
    """The folder of one project, made when something is first written.

    The folder itself may be a link to another disk; what lies below it may not lead out of it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    @property
    def folder(self) -> Path:
        """The absolute path."""
        return self._folder

    @contextmanager
    def lock(self, purpose: str) -> Iterator[None]:
        """Hold the project for one command; the kernel lets go when the process dies, however it dies.

        Raises ProjectLocked naming the holder (pid, command, since) at once, and StateUnwritable.
        """
        path = self._folder / _LOCK
        with _translated(path):
            _make_folder(self._folder)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _take(handle, self._folder, purpose)
            self._sweep()
            yield
        finally:
            # The file stays: were it removed, two commands could hold two files of one name.
            os.close(handle)

    def _sweep(self) -> None:
        """Remove what a crash in the middle of a write has left."""
        for place, folders, files in os.walk(self._folder):
            folders[:] = [name for name in folders if name not in _NOT_SWEPT]
            for name in files:
                if name.startswith(UNFINISHED):
                    Path(place, name).unlink(missing_ok=True)

    def write(self, files: Mapping[str, str]) -> tuple[str, ...]:
        """Write what differs, all or nothing per file; return the paths that changed.

        Raises StateUnwritable, DiskFull.
        """
        changed = tuple(name for name, text in files.items() if self.read(name) != text)
        folders: dict[Path, None] = {}
        for name in changed:
            path = self._place(name)
            with _translated(path):
                made = _make_folder(path.parent)
                self._refuse_escape(path.parent)
                replace_file(path, files[name].encode())
            folders |= dict.fromkeys([path.parent, *(one.parent for one in made)])
        for folder in folders:
            with _translated(folder):
                sync_folder(folder)
        return changed

    def read(self, name: str) -> str | None:
        """Return a file's text, or None when it is not there. Raises StateUnwritable when it cannot be read."""
        path = self._place(name)
        with _translated(path), suppress(FileNotFoundError):
            return path.read_bytes().decode(errors="replace")
        return None

    def list_folder(self, name: str) -> tuple[str, ...]:
        """Return the names in a folder below the project folder, sorted; empty when it is not there."""
        path = self._place(name)
        with _translated(path), suppress(FileNotFoundError):
            return tuple(sorted(one.name for one in path.iterdir() if not one.name.startswith(UNFINISHED)))
        return ()

    def ensure_secret(self, name: str) -> Path:
        """Return the path of a secret, making it at first use (0600).

        Beside the gateway's key lies `gateway_key.header`, which curl takes with `-H @file`.
        """
        key = (self.read(f"secrets/{name}") or "").strip()
        if not key:
            key = ("sk-" if name == _GATEWAY_KEY else "") + secrets.token_hex(32)
        files = {f"secrets/{name}": key}
        if name == _GATEWAY_KEY:
            files[f"secrets/{name}.header"] = f"Authorization: Bearer {key}\n"
        self.write(files)
        for file in files:
            with _translated(self._place(file)):
                self._place(file).chmod(0o600)  # the user may have put it there
        return self._place(f"secrets/{name}")

    def remove(self, name: str) -> None:
        """Remove a file or folder below the project folder; fine when it is not there."""
        path = self._place(name)
        with _translated(path), suppress(FileNotFoundError):
            self._refuse_escape(path.parent)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def link(self, name: str, target: str) -> None:
        """Let a name right in the project folder stand for another one below it, from one moment to the next."""
        path, _ = self._place(name), self._place(target)
        with _translated(path):
            replace_link(path, target)

    def _place(self, name: str) -> Path:
        """Return the path of a name. Raises ValueError for one that is not below the folder."""
        parts = PurePosixPath(name).parts
        if not parts or parts[0] == "/" or ".." in parts or "\0" in name:
            raise ValueError(f"{name!r} is not a name below the project folder")
        return self._folder.joinpath(*parts)

    def _refuse_escape(self, folder: Path) -> None:
        if not folder.resolve().is_relative_to(self._folder.resolve()):
            raise StateUnwritable(f"{folder} is a link that leads out of the project folder", f"rm {folder}")


def _take(handle: int, folder: Path, purpose: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        raise _locked(folder, os.pread(handle, 4096, 0)) from err
    holder = {"pid": os.getpid(), "command": purpose, "since": time.time()}
    with suppress(OSError):  # only for the message of others: `down` must work on a full disk
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(holder).encode(), 0)


def _locked(folder: Path, text: bytes) -> ProjectLocked:
    try:
        holder = json.loads(text)
        since = time.strftime("%H:%M:%S", time.localtime(holder["since"]))
        who = f"{holder['command']} (pid {holder['pid']}, since {since})"
        hint = f"wait for it, or end it: kill {int(holder['pid'])}"
    except (ValueError, KeyError, TypeError):
        who, hint = "another aisuite", "wait for it"
    return ProjectLocked(f"{who} works on {folder} now", hint)


def _make_folder(folder: Path) -> list[Path]:
    """Make the folder and what is missing above it, for this user only, and return what was made.

    One that is open to others is closed.
    """
    missing = [place for place in (folder, *folder.parents) if not place.is_dir()]
    for place in reversed(missing):
        try:
            place.mkdir(mode=0o700, exist_ok=True)
        except FileNotFoundError as err:  # its parent is there: a file system that takes no folders, such as /proc
            raise _unwritable(place, err) from err
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return missing


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn what the file system says into our errors; a file that is not there is left to the caller."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no space left to write {path}", f"df -h {path.parent}") from err
        raise _unwritable(path, err) from err


def _unwritable(path: Path, err: OSError) -> StateUnwritable:
    culprit = next((place for place in path.parents if place.exists() and not place.is_dir()), None)
    if culprit is not None:
        return StateUnwritable(f"{culprit} is a file; a folder should be there", f"mv {culprit} {culprit}.old")
    if isinstance(err, IsADirectoryError):
        return StateUnwritable(f"{path} is a folder; a file should be there", f"mv {path} {path}.old")
    if err.errno == errno.ELOOP:
        return StateUnwritable(f"{path} is a link; a file should be there", f"rm {path}")
    return StateUnwritable(f"cannot use {path}: {err.strerror}", f"ls -ld {path.parent}")
