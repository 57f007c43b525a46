"""`aisuite logs`: what a service has written."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from aisuite.errors import NotRunning, UsageError
from aisuite.ops.record import read_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.ports import Deps


def logs(service: str, deps: Deps, *, lines: int, follow: bool) -> Iterator[str]:
    """Yield the last lines of a service's log, and with `follow` every new one. Raises UsageError, NotRunning."""
    record = read_record(deps.workdir)
    known = {one.name for one in record.services} if record else set()
    known |= {one.name for one in deps.engine.observe().services}
    tail = deps.engine.log_tail(service, lines)  # of a stopped stack, too
    if service not in known and not tail:
        if not known:
            raise NotRunning(f"nothing was started in {deps.workdir.folder}", "aisuite up --phase 2")
        near = difflib.get_close_matches(service, known, n=1)
        did_you_mean = f"aisuite logs {near[0]}" if near else "aisuite status"
        raise UsageError(f"there is no service {service!r}; there are {', '.join(sorted(known))}", did_you_mean)
    if follow:
        yield from deps.engine.follow(service, lines)
    else:
        yield from tail
