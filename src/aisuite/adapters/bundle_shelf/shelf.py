"""The folder in which bundles lie."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.adapters.bundle_shelf.bundle import OpenBundle
from aisuite.adapters.bundle_shelf.folder import opened
from aisuite.adapters.bundle_shelf.staging import BundleStaging, make_private, write_out
from aisuite.adapters.durable import create_private, sync_folder, translated
from aisuite.bundle.identity import taken_at
from aisuite.bundle.manifest import OTHERS, parse_verified, render_verified
from aisuite.bundle.model import Level
from aisuite.errors import BackupFailed, BundleDamaged, UsageError
from aisuite.ports.failpoint import failpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.bundle.model import BundleFile, Manifest, Verified
    from aisuite.ports.archive import Staging

_UNFINISHED = ".unfinished-"  # whatever is on its way in or out; swept when nobody works here
_LEVELS = tuple(Level)


class BundleShelf:
    """Keeps bundles in one folder, which is made when the first is begun; it may be a link to another disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    @property
    def path(self) -> Path:
        """The absolute path."""
        return self._folder

    @contextmanager
    def stage(self, bundle: str) -> Iterator[Staging]:
        """Begin a bundle; what was not published is removed. Raises DiskFull, StateUnwritable, BackupFailed."""
        if taken_at(bundle) is None:
            raise ValueError(f"{bundle!r} is no id of a bundle")
        goal = self._folder / bundle
        if os.path.lexists(goal):
            raise BackupFailed(f"{goal} is there already", "aisuite backup list")
        with self.scratch() as place:
            with translated(place):
                staging = BundleStaging(place, goal)
            yield staging

    def list(self) -> tuple[str, ...]:
        """Return the ids of what was published, oldest first. Also sweeps what crashed runs have left."""
        if not self._folder.is_dir():
            return ()
        with translated(self._folder):
            names = tuple(sorted(one.name for one in self._folder.iterdir()))
        if any(name.startswith(_UNFINISHED) for name in names):
            self._sweep(names)
        return tuple(name for name in names if taken_at(name) is not None and (self._folder / name).is_dir())

    def manifest(self, bundle: str) -> Manifest:
        """Return a bundle's manifest. Raises BundleDamaged, and UsageError when there is no such bundle."""
        with self._bundle(bundle) as found:
            return found.manifest()

    def check(self, bundle: str) -> Manifest:
        """Hash every file, packed and unpacked, and refuse what the manifest does not list. Raises BundleDamaged."""
        with self._bundle(bundle) as found:
            return found.check()

    def extract(self, bundle: str, file: BundleFile, target: Path) -> None:
        """Write a file as it was into a new 0600 file, fsynced. Raises BundleDamaged, DiskFull, StateUnwritable."""
        with self._bundle(bundle) as found, translated(target), create_private(target) as out:
            try:
                found.unpack(file, out.write)
                write_out(out)
            except BaseException:
                target.unlink()
                raise
            sync_folder(target.parent)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give an empty folder beside the bundles; it is removed at the end. Raises DiskFull, StateUnwritable."""
        place = self._unfinished()
        with translated(place):
            make_private(self._folder)
        with self._held(fcntl.LOCK_SH):
            try:
                with translated(place):
                    place.mkdir(mode=0o700)
                yield place
            finally:
                shutil.rmtree(place, ignore_errors=True)

    def adopt(self, folder: Path) -> None:
        """Take in a whole bundle that was laid into `scratch` under its id. Raises BackupFailed, StateUnwritable."""
        goal = self._folder / folder.name
        if os.path.lexists(goal):
            raise BackupFailed(f"{goal} is there already", "aisuite backup list")
        with translated(goal):
            for place, _, names in os.walk(folder):
                Path(place).chmod(0o700)
                for file in (Path(place, name) for name in names):
                    file.chmod(0o600)
                    with file.open("rb") as written:
                        os.fsync(written.fileno())
                sync_folder(Path(place))
            folder.rename(goal)
            sync_folder(self._folder)

    def verified(self, bundle: str) -> Verified | None:
        """Return the best verification that a bundle passed; None when it may have been changed since."""
        with self._bundle(bundle) as found:
            text, manifest = found.read("verified.json"), found.read("manifest.json")
        return None if text is None or manifest is None else parse_verified(text, manifest)

    def set_verified(self, bundle: str, verified: Verified | None) -> None:
        """Remember a verification, unless a better one is; None forgets it: the bundle did not pass."""
        known = self.verified(bundle) if verified else None
        if known and verified and _LEVELS.index(verified.level) < _LEVELS.index(known.level):
            return
        with self._bundle(bundle) as found:
            manifest = found.read("manifest.json")
        target = self._folder / bundle / "verified.json"
        with translated(target), self._held(fcntl.LOCK_SH):
            if verified is None or manifest is None:
                target.unlink(missing_ok=True)
            else:
                fresh = self._unfinished()
                with create_private(fresh) as file:
                    file.write(render_verified(verified, manifest).encode())
                    write_out(file)
                fresh.rename(target)
            sync_folder(target.parent)

    def remove(self, bundle: str) -> None:
        """Remove a bundle: one rename takes it off the shelf, however its removal ends. Raises StateUnwritable."""
        place, gone = self._folder / bundle, self._unfinished()
        if taken_at(bundle) is None or not os.path.lexists(place):
            raise _unknown(bundle)
        with translated(place), self._held(fcntl.LOCK_SH):
            place.rename(gone)
            failpoint("shelf.remove")
            sync_folder(self._folder)
            if gone.is_symlink() or not gone.is_dir():
                gone.unlink()
            else:
                shutil.rmtree(gone)

    def _unfinished(self) -> Path:
        return self._folder / f"{_UNFINISHED}{secrets.token_hex(8)}"

    @contextmanager
    def _bundle(self, bundle: str) -> Iterator[OpenBundle]:
        """Open a bundle. Raises UsageError, BundleDamaged."""
        if taken_at(bundle) is None or not os.path.lexists(self._folder / bundle):
            raise _unknown(bundle)
        try:
            handle = os.open(self._folder / bundle, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as err:
            raise BundleDamaged(f"backup {bundle} is damaged: it is not a folder", OTHERS) from err
        try:
            yield OpenBundle(bundle, handle)
        finally:
            os.close(handle)

    @contextmanager
    def _held(self, how: int) -> Iterator[None]:
        """Hold the shelf, shared with who makes and removes bundles; who sweeps must be alone. Raises OSError."""
        with opened(self._folder.resolve()) as handle:
            try:
                fcntl.flock(handle, how)
            except OSError:  # a file system without locks, on which nobody sweeps
                if how != fcntl.LOCK_SH:
                    raise
            yield

    def _sweep(self, names: tuple[str, ...]) -> None:
        with suppress(OSError), self._held(fcntl.LOCK_EX | fcntl.LOCK_NB):  # a backup is being made: another time
            for name in names:
                if name.startswith(_UNFINISHED):
                    self._throw_away(self._folder / name)

    def _throw_away(self, place: Path) -> None:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)


def _unknown(bundle: str) -> UsageError:
    return UsageError(f"there is no backup {bundle!r}", "aisuite backup list")
