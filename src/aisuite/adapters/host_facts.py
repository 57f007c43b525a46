"""What this machine says about itself: kernel, clock, disks, secrets, git."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aisuite.adapters.durable import UNFINISHED
from aisuite.adapters.mounts import file_system_of
from aisuite.errors import ModelBroken
from aisuite.preflight.secrets import weakness
from aisuite.preflight.snapshot import Disk, Git, Machine, SecretFile, Web

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aisuite.preflight.snapshot import Purpose

_MEMORY = re.compile(r"^MemTotal:\s+(\d+) kB$", re.MULTILINE)
_CLOCK_WRONG = 5  # TIME_ERROR: the kernel was told by nobody what time it is
_TIMEX = 512  # bytes; the kernel's struct has 208
_GIT_TIMEOUT = 10.0
_CUDA_TIMEOUT = 30.0
_WEB_TIMEOUT = 10.0
_HUB = "https://huggingface.co"
_NOT_SWEPT = frozenset({"backups", "data", "logs", "run"})
_GIT_SECRETS = (".env", ".aisuite")


class LocalFacts:
    """The machine that this process runs on."""

    def machine(self) -> Machine:
        """Return what the kernel says."""
        found = _MEMORY.search(_read(Path("/proc/meminfo")))
        kernel = os.uname().release
        return Machine(
            kernel=kernel,
            wsl=_wsl(kernel),
            memory=int(found[1]) * 1024 if found else None,
            clock_kept=_clock_is_kept(),
            sqlite=sqlite3.sqlite_version,
        )

    def disk(self, purpose: Purpose, path: Path) -> Disk:
        """Return the file system of a folder, or of its nearest existing parent."""
        place = path.absolute()
        while not _is_there(place):
            place = place.parent
        fault = _write_fault(place)
        kind = file_system_of(_read(Path("/proc/self/mountinfo")), str(place.resolve()))
        return Disk(purpose, path, shutil.disk_usage(place).free, kind, fault)

    def secrets(self, files: Sequence[Path]) -> tuple[SecretFile, ...]:
        """Return those of the files that are there: who may read them, and whether what they hold can be guessed."""
        return tuple(one for path in files if (one := _secret(path)) is not None)

    def git(self, folder: Path) -> Git | None:
        """Return the state of the repository that a folder is in; None: it is in none, or there is no git."""
        status = _git(folder, "status", "--porcelain", "--branch")
        if status is None:
            return None
        first, *changed = status.splitlines() or ["## "]
        tracked = _git(folder, "ls-files", "--", *_GIT_SECRETS) or ""
        branch = first.removeprefix("## ").removeprefix("No commits yet on ").partition("...")[0]
        return Git(branch, len(changed), tuple(tracked.splitlines()))

    def half_written(self, folder: Path) -> tuple[Path, ...]:
        """Return what crashes in the middle of a write have left below a project's folder."""
        return tuple(sorted(_find_temporary(folder)))

    def digest(self, path: Path) -> str:
        """Return the sha256 of a file. Raises ModelBroken when it cannot be read."""
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as err:
            raise ModelBroken(f"{path} cannot be read: {err.strerror}", f"ls -l {path}") from err

    def allocate(self, device: int) -> str:
        """Take a little memory of a card and give it back; return why that failed, "" when it did not.

        In a process of its own: the driver's context goes with it, and a driver that crashes takes nothing along.
        """
        program = Path(__file__).with_name("cuda_allocation.py")
        try:
            done = subprocess.run(
                [sys.executable, "-IS", str(program), str(device)],
                capture_output=True,
                text=True,
                timeout=_CUDA_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"the driver gave no answer within {_CUDA_TIMEOUT:g} s"
        said = done.stdout.strip() or done.stderr.strip()[-200:]
        return "" if done.returncode == 0 else said or f"the driver's library ended with {done.returncode}"

    def web(self) -> Web:
        """Ask the hub that models come from, or what HF_ENDPOINT names, for its time."""
        import httpx

        hub = os.environ.get("HF_ENDPOINT", "").rstrip("/") or _HUB
        try:
            began = time.time()
            answer = httpx.head(hub, timeout=_WEB_TIMEOUT)
            now = (began + time.time()) / 2
            theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError) as err:
            return Web(asked=True, fault=f"{hub}: {err or type(err).__name__}")
        return Web(asked=True, ahead=now - theirs)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # in a folder of somebody else
        return False


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not a Linux
        return ""


def _wsl(kernel: str) -> Literal[0, 1, 2]:
    """WSL1 answers with Windows' own number of a kernel, 4.4.0-19041-Microsoft; WSL2 runs one."""
    if "microsoft" not in kernel.lower():
        return 0
    return 1 if kernel.endswith("-Microsoft") else 2


def _clock_is_kept() -> bool | None:
    """Whether a time service keeps the kernel's clock; None where the kernel does not say it to this process."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return None
    state = adjtimex(ctypes.create_string_buffer(_TIMEX))  # all zero: change nothing
    return None if state < 0 else state != _CLOCK_WRONG


def _write_fault(folder: Path) -> str:
    """Try it: rights, quotas and read-only mounts have one answer in common."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as err:
        return f"{folder}: {err.strerror}"
    return ""


def _secret(path: Path) -> SecretFile | None:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            return None
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError:
        return SecretFile(path)  # nobody's but its owner's, who is somebody else
    named = path.name == ".env" or path.suffix == ".header"
    weak = weakness(text, assignments=path.name == ".env") if path.suffix != ".header" else ""
    return SecretFile(path, open_to_others=bool(mode & 0o077) and (not named or _holds_secret(text)), weak=weak)


def _holds_secret(text: str) -> bool:
    return re.search(r"(?i)(key|passwd|password|secret|token)\w*\s*=\s*\S|authorization:", text) is not None


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=_GIT_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _find_temporary(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NOT_SWEPT]
        for name in files:
            if name.startswith(UNFINISHED):
                yield Path(place, name)
