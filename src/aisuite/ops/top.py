"""`aisuite top`: the processes of each service."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.errors import NotRunning
from aisuite.ops.service_names import check_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aisuite.ports import Insight, Task, Workdir


@dataclass(frozen=True, slots=True)
class TopReport:
    """{service: its processes}, oldest first; a service that does not run has none."""

    services: Mapping[str, tuple[Task, ...]]

    @property
    def exit_code(self) -> int:
        """0, or 5 when nothing of what was asked for runs."""
        return 0 if any(self.services.values()) else NotRunning.exit_code


def top(names: Sequence[str], insight: Insight, workdir: Workdir) -> TopReport:
    """Return the processes of these services, of all without a name. Raises UsageError, NotRunning."""
    known = [one.service for one in insight.list()]
    chosen = check_names(names, known, "aisuite top", workdir.folder)
    with ThreadPoolExecutor(max_workers=8) as pool:
        tasks = list(pool.map(insight.tasks, chosen))
    return TopReport(dict(zip(chosen, tasks, strict=True)))
