"""Where supervisord's socket lies: in the project folder, or in a private short place when that cannot hold it."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from aisuite.errors import EngineUnavailable

# Linux takes 107 bytes; supervisord first binds "<path>.<pid>", then links it to its name.
_LONGEST = 107 - len(".4194304")


def list_candidates(folder: Path) -> tuple[Path, Path]:
    """Return both places, the better one first."""
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
    shelter = (runtime if runtime.is_dir() else Path(tempfile.gettempdir())) / f"aisuite-{os.getuid()}"
    return folder / "run" / "supervisor.sock", shelter / f"{digest}.sock"


def choose_socket(folder: Path) -> Path:
    """Return the place for a new socket; nothing is there. Raises EngineUnavailable."""
    inside, outside = list_candidates(folder)
    if _can_bind(inside):
        return inside
    shelter = outside.parent
    with suppress(OSError):  # it is looked at next
        shelter.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(shelter):
        raise EngineUnavailable(f"{shelter} is not a private folder of this user", f"rm -r {shelter}")
    if not _can_bind(outside):
        raise EngineUnavailable(f"no socket can be made at {outside}", "set XDG_RUNTIME_DIR to a short local folder")
    return outside


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _can_bind(path: Path) -> bool:
    """Try what supervisord will do: long paths and some file systems (of Windows, of networks) refuse it."""
    if len(os.fsencode(path)) > _LONGEST:
        return False
    trial = path.with_name(f"{path.name}.{os.getpid()}")
    path.unlink(missing_ok=True)
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(str(trial))
        os.link(trial, path)
    except OSError:
        return False
    finally:
        trial.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    return True
