"""The packages of our service image, installed on the host for the image's Python."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.adapters.uv_program import find_uv
from aisuite.errors import DiskFull, DownloadFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_OLDEST = (3, 11)
# glibc versions for which uv knows wheels, newest first.
_GLIBC = ((2, 40), (2, 39), (2, 36), (2, 34), (2, 31), (2, 28), (2, 17))

# Run in the base image; prints what `parse_python` reads.
ASK_PYTHON = "import platform, sys; print(*sys.version_info[:2], platform.machine(), platform.libc_ver()[1] or 'none')"


@dataclass(frozen=True, slots=True)
class Python:
    """The interpreter of a base image."""

    version: str
    platform: str  # as uv calls it


def parse_python(answer: str, image: str) -> Python:
    """Read what a base image says about its Python. Raises UsageError for one that the services cannot run on."""
    try:
        major, minor, machine, libc = answer.split()
        version = (int(major), int(minor))
    except ValueError as err:
        raise UsageError(f"{image} does not say which Python it has: {answer.strip()!r}", _CHOOSE) from err
    if version < _OLDEST:
        raise UsageError(f"{image} has Python {major}.{minor}; the services need 3.11 or newer", _CHOOSE)
    if not libc.startswith("2."):
        raise UsageError(f"{image} is not built on glibc, for which the packages are made", _CHOOSE)
    has = tuple(int(part) for part in libc.split(".")[:2])
    fitting = next((one for one in _GLIBC if one <= has), None)
    if fitting is None or machine not in {"x86_64", "aarch64"}:
        raise UsageError(f"{image} ({machine}, glibc {libc}) is a platform without packages", _CHOOSE)
    return Python(f"{major}.{minor}", f"{machine}-manylinux_{fitting[0]}_{fitting[1]}")


_CHOOSE = "aisuite images build --base python:3.13-slim"


def install_packages(locks: Sequence[Path], python: Python, target: Path) -> None:
    """Install what the locks name for that Python into a folder; wheels only, every hash checked.

    Raises DownloadFailed, DiskFull, EngineUnavailable (no uv here).
    """
    argv = [
        find_uv("the service image"),
        "pip",
        "install",
        "--python",
        sys.executable,
        "--target",
        str(target),
        "--color",
        "never",
    ]
    argv += ["--python-version", python.version, "--python-platform", python.platform]
    argv += ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    for lock in locks:
        argv += ["--requirement", str(lock)]
    done = subprocess.run(argv, cwd=target, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _failure(done.stderr)


def _failure(said: str) -> DiskFull | DownloadFailed:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reason = next((line for line in lines if line.startswith("error:")), lines[-1] if lines else "uv said nothing")
    if "No space left on device" in said:
        return DiskFull(f"the disk is full: {reason}", "df -h")
    return DownloadFailed(
        f"the packages of the service image could not be installed: {reason.removeprefix('error:').strip()}",
        "check the network, or use a mirror: UV_DEFAULT_INDEX=https://mirror.example/simple aisuite images build",
    )
