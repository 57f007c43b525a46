"""The places in which services keep what they keep: made ready beside, exchanged, put away, removed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from aisuite.adapters.durable import sync_folder, translated

_WITH_A_DATABASE = ("-wal", "-shm", "-journal")  # SQLite would read them into whatever has the name


class KeptPlaces:
    """Files and folders of this machine, by absolute paths; nobody uses them meanwhile."""

    def there(self, path: Path) -> bool:
        """Whether something lies there."""
        return os.path.lexists(path)

    def make_folder(self, path: Path) -> None:
        """Make a folder and what is missing above it, for this user only."""
        with translated(path):
            missing = [place for place in (path, *path.parents) if not place.is_dir()]
            for place in reversed(missing):
                place.mkdir(mode=0o700)
                sync_folder(place.parent)

    def sync(self, folder: Path) -> None:
        """Make a new folder's content last over a power cut; its files are synced by who writes them."""
        with translated(folder):
            for place, _, _ in os.walk(folder):
                sync_folder(Path(place))

    def exchange(self, source: Path, target: Path, kept: Path) -> None:
        """Put a folder in the place of another, which is kept; without `source` it was done before."""
        with translated(target):
            if not source.is_dir():
                return
            if self.there(target):
                if self.there(kept):
                    _remove(target)  # made anew by somebody after the old one was put away
                else:
                    target.rename(kept)
            source.rename(target)
            sync_folder(target.parent)

    def put_away(self, path: Path, kept: Path) -> None:
        """Give something another name, a database's files with it; fine when it is not there."""
        with translated(path):
            for suffix in (*_WITH_A_DATABASE, ""):
                part = _beside(path, suffix)
                if self.there(part):
                    part.rename(_beside(kept, suffix))
            if path.parent.is_dir():
                sync_folder(path.parent)

    def remove(self, path: Path) -> None:
        """Remove a file with what SQLite has beside it, or a folder; fine when it is not there."""
        with translated(path):
            for suffix in ("", *_WITH_A_DATABASE):
                _remove(_beside(path, suffix))
            if path.parent.is_dir():
                sync_folder(path.parent)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
