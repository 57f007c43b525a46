"""The log of a container, as lines."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aisuite.adapters.byte_lines import read_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_POLL = 0.2
_GONE = frozenset({404, 409})  # removed, or just being removed


def read_tail(client: Any, container: str, count: int) -> tuple[str, ...]:
    """Return the last lines, oldest first; empty when the container is gone."""
    from docker.errors import APIError

    try:
        return tuple(read_lines([client.logs(container, tail=count)])) if count > 0 else ()
    except APIError as err:
        if err.status_code in _GONE:
            return ()
        raise


def follow(client: Any, find: Callable[[], str | None], count: int) -> Iterator[str]:
    """Yield the last lines, then every new one; `find` names the container, which may become another one."""
    begun, seen = int(time.time()), ""
    wanted: dict[str, int] = {"tail": count}
    while True:
        container = find()
        if container is not None:
            for line in _read_stamped(client, container, wanted):
                stamp, _, text = line.partition(" ")
                if stamp > seen:
                    seen = stamp
                    yield text
        # The stream ends with the process. What it writes after a restart comes with what is known already.
        wanted = {"since": int(datetime.fromisoformat(seen).timestamp()) if seen else begun}
        time.sleep(_POLL)


def _read_stamped(client: Any, container: str, wanted: dict[str, int]) -> Iterator[str]:
    from docker.errors import APIError

    try:
        stream = client.logs(container, stream=True, follow=True, timestamps=True, **wanted)
    except APIError as err:
        if err.status_code in _GONE:
            return
        raise
    # The SDK's own close ends the reading, but leaves the connection to the garbage collector.
    with closing(stream._response), closing(stream):
        yield from read_lines(stream)
