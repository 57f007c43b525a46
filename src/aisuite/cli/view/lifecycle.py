"""Reports about a stack that was brought up: restart."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
