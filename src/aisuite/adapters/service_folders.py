"""The folders in which local processes keep their data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from aisuite.errors import StateUnwritable


class ServiceFolders:
    """The data folders that the rendered descriptions of a project's services name."""

    def __init__(self, folder: Path) -> None:
        self._descriptions = folder / "process" / "services"

    def find(self) -> tuple[str, ...]:
        """Return the paths of those that are there."""
        found = {_data_of(path) for path in self._descriptions.glob("*.json")}
        return tuple(sorted(path for path in found if path is not None and Path(path).is_dir()))

    def remove(self, name: str) -> None:
        """Remove a folder with all that is in it. Raises StateUnwritable."""
        try:
            shutil.rmtree(name)
        except FileNotFoundError:
            return
        except OSError as err:
            raise StateUnwritable(
                f"cannot remove {err.filename or name}: {err.strerror or err}", f"ls -ld {name}"
            ) from err


def _data_of(description: Path) -> str | None:
    try:
        found = json.loads(description.read_text(encoding="utf-8"))["data"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not as we write it: then it names no folder of ours
    return found if isinstance(found, str) and Path(found).is_absolute() else None
