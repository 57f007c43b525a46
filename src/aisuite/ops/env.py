"""`aisuite env`: the variables that point any OpenAI client at the suite."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.ops.record import require_record
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from pathlib import Path

    from aisuite.ports import Deps


@dataclass(frozen=True, slots=True)
class EnvReport:
    """Where clients find the suite; the key is named by its file."""

    base_url: str
    key_file: Path
    exit_code: int = 0

    @property
    def exports(self) -> tuple[str, ...]:
        """Lines for a POSIX shell; the key itself is read when they are evaluated, so it stands on no screen."""
        return (
            f"export OPENAI_BASE_URL={shlex.quote(self.base_url)}",
            f'export OPENAI_API_KEY="$(cat {shlex.quote(str(self.key_file))})"',
        )


def env(deps: Deps) -> EnvReport:
    """Return how to reach the gateway. Raises NotRunning."""
    gateway = require_record(deps.workdir).require(Role.GATEWAY)
    return EnvReport(f"{gateway.url}/v1", deps.workdir.folder / "secrets" / "gateway_key")
