"""Where the bed keeps everything, and how its programs are called."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LONGEST_SOCKET = 100  # bytes; the kernel takes 107
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHOWN_LINES = 12
_ENGINES = ("current", "oldest")


class BedError(Exception):
    """The bed cannot be had; `hint` is what to do about it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Bed:
    """One private Docker Engine with its images, all below one folder."""

    root: Path
    engine: str = "current"

    @classmethod
    def from_environment(cls) -> Bed:
        """Read AISUITE_BED (a folder; else one in the user's cache) and AISUITE_BED_ENGINE."""
        engine = os.environ.get("AISUITE_BED_ENGINE") or "current"
        if engine not in _ENGINES:
            raise BedError(f"AISUITE_BED_ENGINE is {engine!r}; it can be {' or '.join(_ENGINES)}")
        named = os.environ.get("AISUITE_BED")
        root = Path(named).absolute() if named else Path.home() / ".cache" / "aisuite-bed"
        # A folder beside: an older engine cannot read what a newer one has written.
        bed = cls(root if engine == "current" else root.with_name(f"{root.name}-{engine}"), engine)
        if len(os.fsencode(bed.socket)) > _LONGEST_SOCKET:
            raise BedError(f"{bed.socket} is too long for a socket", "export AISUITE_BED=/var/tmp/aisuite-bed")
        return bed

    @property
    def socket(self) -> Path:
        return self.root / "docker.sock"

    @property
    def pid_file(self) -> Path:
        return self.root / "docker.pid"

    @property
    def log(self) -> Path:
        return self.root / "dockerd.log"

    @property
    def network_file(self) -> Path:
        """The number of the bed's own network; there only while it has one."""
        return self.root / "network"

    @property
    def programs(self) -> Path:
        """The unpacked engine; there only when complete."""
        return self.root / "engine"

    @property
    def config(self) -> Path:
        """The docker command's own folder, so that no login and no context of the user plays a part."""
        return self.root / "cfg"

    def variables(self) -> dict[str, str]:
        """Return what a docker client needs in its environment."""
        return {
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(self.config),
            "PATH": f"{self.programs}/usr/bin:{os.environ.get('PATH', _SYSTEM_PATH)}",
        }

    @contextmanager
    def as_environment(self) -> Iterator[None]:
        """Let this process's own clients find the bed, as `eval "$(tests/bed/bed env)"` does."""
        variables = self.variables()
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def docker(self, *words: str, stdin: int | None = None) -> str:
        """Run a docker command on the bed's engine and return what it printed."""
        return run(["docker", *words], self.variables(), stdin=stdin)

    def docker_argv(self, *words: str) -> list[str]:
        """Return a docker command by its full path."""
        return [str(self.programs / "usr/bin/docker"), *words]

    def daemon_environment(self) -> dict[str, str]:
        """Return dockerd's environment: its own programs first, nothing of the user's clients."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
        return inherited | {"PATH": f"{self.programs}/usr/sbin:{self.programs}/usr/bin:{_SYSTEM_PATH}"}


def run(argv: list[str], variables: Mapping[str, str] | None = None, stdin: int | None = None) -> str:
    """Run a program to its end and return what it printed. Raises BedError with its last lines."""
    try:
        result = subprocess.run(
            argv,
            env=os.environ | dict(variables or {}),
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as err:
        raise BedError(f"{argv[0]} is not on this machine") from err
    if result.returncode != 0:
        said = "\n".join((result.stderr or result.stdout).strip().splitlines()[-_SHOWN_LINES:])
        raise BedError(f"`{' '.join(argv)}` ended with {result.returncode}:\n{said}")
    return result.stdout
