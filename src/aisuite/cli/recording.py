"""From a suite to the evidence of a command on it."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite import __version__

if TYPE_CHECKING:
    from aisuite.cli.wiring import Suite
    from aisuite.ops.evidence import About
    from aisuite.ops.failover_drill import DrillRequest
    from aisuite.stack.model import Stack

_TRIAL_MORE = 120.0  # seconds of a trial beside the fault itself
_LINE = 250  # bytes of one request
_LOGS = 2**20  # bytes of a trial's logs and reports
_LEAST = 16 * 2**20


def about(suite: Suite, command: str, room: int = _LEAST) -> About:
    """Return whose evidence it is."""
    return _about(command, suite.stack, suite.basis.llama, room)


def about_check(stack: Stack, llama: str | None) -> About:
    """Return whose evidence it is that `validate-env` keeps; `llama` is the version of this machine's llama-server."""
    return _about("validate-env", stack, llama, _LEAST)


def _about(command: str, stack: Stack, llama: str | None, room: int) -> About:
    from aisuite.ops.evidence import About

    return About(command, stack, _versions(stack, llama), str(Path.home()), room)


def about_drill(suite: Suite, request: DrillRequest) -> About:
    """Return whose evidence it is, with the room that a drill may take."""
    crowd = request.crowd
    seconds = crowd.before + crowd.duration + _TRIAL_MORE
    lines = (crowd.plain + crowd.streams) / max(crowd.pause, 0.02) * seconds
    trials = len(request.faults) * request.repeat
    return about(suite, "failover-drill", _LEAST + trials * (round(lines * _LINE) + _LOGS))


def _versions(stack: Stack, llama: str | None) -> dict[str, str]:
    """Return the versions of what takes part; those of containers stand in the names of their images."""
    from aisuite.preflight.versions import pinned_version
    from aisuite.resources import find_data_dir

    ours = {"aisuite": __version__, "python": platform.python_version(), "system": platform.platform()}
    if stack.engine == "docker":
        from aisuite.adapters.docker_facts import DockerFacts

        return ours | {"docker": DockerFacts().describe().version or "-"}
    pins = (find_data_dir("templates") / "gateway" / "requirements.txt").read_text(encoding="utf-8")
    return ours | {"llama-server": llama or "-", "litellm": pinned_version(pins, "litellm") or "-"}
