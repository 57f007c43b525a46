"""`aisuite events`: what happened to the services, as their engine noted it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.ops.service_names import check_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aisuite.ports import Clock, EngineEvent, Insight, Workdir


def events(
    names: Sequence[str], insight: Insight, workdir: Workdir, clock: Clock, *, back: float, follow: bool
) -> Iterator[EngineEvent]:
    """Yield the events of the last `back` seconds, oldest first, and with `follow` every new one.

    Raises UsageError for a name that is none, NotRunning when nothing was ever started.
    """
    known = [one.service for one in insight.list()]
    chosen = check_names(names, known, "aisuite events", workdir.folder)
    for event in insight.events(clock.now() - back, follow=follow):
        if not names or event.service in chosen:  # without a name of services that are gone, too
            yield event
