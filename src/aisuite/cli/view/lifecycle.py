"""Reports about a stack that was brought up: restart, eject."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aisuite.ops.eject import EjectReport
    from aisuite.ops.restart import RestartReport


def restart_json(report: RestartReport) -> dict[str, Any]:
    """What was restarted, and every service as it is now."""
    return {
        "restarted": [one.step.subject for one in report.results],
        "seconds": round(report.seconds, 3),
        "services": [asdict(service) for service in report.services],
    }


def restart_text(report: RestartReport) -> str:
    """What was restarted, each with the seconds to ready."""
    lines = [f"{one.step.subject} is ready again after {one.seconds:.1f} s" for one in report.results]
    return "\n".join(lines)


def eject_json(report: EjectReport) -> dict[str, Any]:
    """The folder, its files, which of them changed, and the model files that are not there yet."""
    return {
        "folder": report.folder,
        "files": list(report.files),
        "changed": list(report.changed),
        "missing": list(report.missing),
    }


def eject_text(report: EjectReport) -> str:
    """What was written, what is missing, and how to start it."""
    lines = [report.folder, *(f"  {name}" for name in report.files), "  secrets/"]
    lines += [f"missing: {path}   (aisuite models pull)" for path in report.missing]
    start = f"cd {shlex.quote(report.folder)} && docker compose up --detach --wait"
    return "\n".join([*lines, "", f"It runs without aisuite: {start}"])
