"""The hash by which Compose knows whether a container is up to date; only Compose itself can compute it."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from aisuite.adapters.docker_engine.labels import NO_HASH

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE = 30.0  # seconds


class ConfigHashes:
    """The hashes of one Compose file's services, from the user's own Compose; it works while we do other things.

    Without Compose each hash is a placeholder: `docker compose ps`, `logs` and `down` work even so.
    """

    def __init__(self, file: Path, project: str) -> None:
        with_compose = ThreadPoolExecutor(1, thread_name_prefix="compose")
        self._hashes = with_compose.submit(_ask_compose, file, project)
        with_compose.shutdown(wait=False)

    def of(self, service: str) -> str:
        """Return a service's hash; waits for Compose."""
        return self._hashes.result().get(service, NO_HASH)


def _ask_compose(file: Path, project: str) -> dict[str, str]:
    program = _find_compose()
    if not program:
        return {}
    try:
        ran = subprocess.run(
            [*program, "-p", project, "-f", str(file), "config", "--hash", "*"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            env={name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")},
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.split(maxsplit=1) for line in ran.stdout.splitlines()) if ran.returncode == 0 else {}


def _find_compose() -> list[str]:
    if docker := shutil.which("docker"):
        return [docker, "compose"]
    legacy = shutil.which("docker-compose")
    return [legacy] if legacy else []
