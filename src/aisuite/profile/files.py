"""Find profiles, and read small text files with limits that hold before anything is read."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from aisuite.errors import Problem, ProfileInvalid, ProfileNotFound
from aisuite.profile.keypath import did_you_mean, shown
from aisuite.resources import find_data_dir

MAX_BYTES = 2**20
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile's file: its name for people, its place, and how messages call it."""

    name: str
    path: Path
    shown: str


def known_profiles(working_dir: Path) -> dict[str, Path]:
    """Return the profiles that can be named, with their files: those of ./profiles, then the shipped ones."""
    return dict(sorted((shipped_profiles() | _profiles_in(working_dir / "profiles")).items()))


def shipped_profiles() -> dict[str, Path]:
    """Return the profiles that come with aisuite, with their files."""
    return _profiles_in(find_data_dir("profiles"))


def find_profile(name_or_path: str, working_dir: Path) -> ProfileFile:
    """Find a profile by path, in ./profiles, or among the shipped ones. Raises ProfileNotFound."""
    known = known_profiles(working_dir)
    if is_path(name_or_path):
        path = working_dir / name_or_path
        if is_there(path):
            return ProfileFile(path.stem, path, show_path(path, working_dir))
        guess = did_you_mean(Path(name_or_path).stem, known, "profiles that have a name")
        raise ProfileNotFound(f"no file {shown(name_or_path)}{guess}", hint="aisuite profile list")
    if name_or_path in known:
        path = known[name_or_path]
        return ProfileFile(name_or_path, path, show_path(path, working_dir))
    guess = did_you_mean(name_or_path, known)
    message = f"no profile {shown(name_or_path)}{guess}; known: {', '.join(known)}"
    raise ProfileNotFound(message, hint="aisuite profile list")


def find_parent(named: str, child: ProfileFile, working_dir: Path) -> ProfileFile | None:
    """Find what `extends` names: a path relative to the child's file, or a shipped profile."""
    path = child.path.parent / named if is_path(named) else shipped_profiles().get(named)
    return ProfileFile(path.stem, path, show_path(path, working_dir)) if path and is_there(path) else None


def _profiles_in(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))} if folder.is_dir() else {}


def is_path(name_or_path: str) -> bool:
    """Tell a path from a name."""
    return "/" in name_or_path or name_or_path.endswith(_SUFFIXES)


def is_there(path: Path) -> bool:
    """Tell whether something of any kind lies there; what may not be looked at counts as there."""
    try:
        path.stat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def show_path(path: Path, working_dir: Path) -> str:
    """Write a path as messages do: relative when it lies below the working directory, and always printable."""
    inside = path.is_relative_to(working_dir)
    text = os.path.relpath(path, working_dir) if inside else str(path)
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def load_text(path: Path, source: str) -> str:
    """Read a small UTF-8 text, without a byte order mark. Raises ProfileInvalid."""

    def refuse(message: str, line: int | None = None) -> ProfileInvalid:
        return ProfileInvalid((Problem(source, line, "", message),))

    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise refuse("is a folder, not a file")
        if not stat.S_ISREG(found.st_mode):
            raise refuse("is not a regular file")
        if found.st_size > MAX_BYTES:
            raise refuse(f"has {found.st_size} bytes; at most {MAX_BYTES} (1 MiB) are read")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as err:
        raise refuse(f"cannot be read: {err.strerror or err}") from err
    if len(data) > MAX_BYTES:
        raise refuse(f"has more than {MAX_BYTES} bytes (1 MiB)")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = data.count(b"\n", 0, err.start) + 1
        raise refuse(f"is not UTF-8 text: byte 0x{data[err.start]:02x}", line) from err
