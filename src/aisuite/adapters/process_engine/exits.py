"""How a service ended. supervisord's answers leave it out for quick deaths, its log never does."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

from aisuite.adapters.process_engine.log_files import read_tail

if TYPE_CHECKING:
    from pathlib import Path

_LINES = 400
_ENDED = re.compile(r" (?:exited|stopped): (?P<name>\S+) \((?:exit status (?P<status>\d+)|terminated by (?P<sig>\w+))")


def find_exit_code(log: Path, name: str) -> int | None:
    """Return the exit code of the service's last end, negative for a signal (-9 is SIGKILL); None when unknown."""
    for line in reversed(read_tail(log, _LINES)):
        match = _ENDED.search(line)
        if match is not None and match["name"] == name:
            if match["status"] is not None:
                return int(match["status"])
            return -signal.Signals[match["sig"]] if match["sig"] in signal.Signals.__members__ else None
    return None
