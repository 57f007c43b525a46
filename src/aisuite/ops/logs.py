"""`aisuite logs`: what services have written."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

from aisuite.errors import AisuiteError
from aisuite.ops.record import read_record
from aisuite.ops.service_names import check_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aisuite.ports import Deps


def logs(names: Sequence[str], deps: Deps, *, lines: int, follow: bool) -> Iterator[tuple[str, str]]:
    """Yield (service, line) for the last lines of each log, and with `follow` for every new one, as they come.

    All services without a name, also of a stack that is down by now. Raises UsageError, NotRunning.
    """
    chosen = _choose(names, deps)
    if follow:
        yield from _follow(chosen, deps, lines)
        return
    for service in chosen:
        for line in deps.engine.log_tail(service, lines):
            yield service, line


def _choose(names: Sequence[str], deps: Deps) -> Sequence[str]:
    record = read_record(deps.workdir)
    known = [one.name for one in record.services] if record else []
    known += [one.name for one in deps.engine.observe().services]
    # Of a stack that is down nobody knows the names, but what they wrote is there.
    known += [name for name in names if name not in known and deps.engine.log_tail(name, 1)]
    return check_names(names, known, "aisuite logs", deps.workdir.folder)


def _follow(services: Sequence[str], deps: Deps, lines: int) -> Iterator[tuple[str, str]]:
    """Read each log in a thread of its own, which ends with this process."""
    queue: SimpleQueue[tuple[str, str] | AisuiteError | None] = SimpleQueue()

    def read(service: str) -> None:
        try:
            for line in deps.engine.follow(service, lines):
                queue.put((service, line))
        except AisuiteError as err:
            queue.put(err)
        finally:
            queue.put(None)

    for service in services:
        threading.Thread(target=read, args=(service,), name=f"logs-{service}", daemon=True).start()
    reading = len(services)
    while reading:
        found = queue.get()
        if isinstance(found, AisuiteError):
            raise found
        if found is None:
            reading -= 1
        else:
            yield found
