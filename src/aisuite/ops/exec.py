"""`aisuite exec`: a command beside a service, which sees the world as that service does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.ops.service_names import check_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.ports import Insight, Streams, Workdir


def execute(service: str, command: Sequence[str], streams: Streams, insight: Insight, workdir: Workdir) -> int:
    """Run a command beside a service and return its exit code. Raises UsageError, NotRunning, StepFailed."""
    known = [one.service for one in insight.list()]
    check_names([service], known, "aisuite exec", workdir.folder)
    return insight.run(service, command, streams)
