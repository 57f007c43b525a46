"""The hash by which Compose knows whether a container is up to date; only Compose itself can compute it."""

from __future__ import annotations

import os
import shutil
import subprocess
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
        self._running: subprocess.Popen[str] | None = None
        self._hashes: dict[str, str] = {}
        program = _find_compose()
        if program:
            self._running = subprocess.Popen(
                [*program, "-p", project, "-f", str(file), "config", "--hash", "*"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")},
            )

    def of(self, service: str) -> str:
        """Return a service's hash."""
        self.finish()
        return self._hashes.get(service, NO_HASH)

    def finish(self) -> None:
        """Wait for Compose."""
        if self._running is None:
            return
        try:
            lines, _ = self._running.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            self._running.kill()
            lines, _ = self._running.communicate()
        self._running = None
        pairs = (line.split() for line in lines.splitlines())
        self._hashes = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def _find_compose() -> list[str]:
    if docker := shutil.which("docker"):
        return [docker, "compose"]
    legacy = shutil.which("docker-compose")
    return [legacy] if legacy else []
