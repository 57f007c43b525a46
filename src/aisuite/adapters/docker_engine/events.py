"""What the engine remembers of a container: its event stream tells what `inspect` has forgotten after a restart."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aisuite.adapters.docker_engine.observation import exit_code
from aisuite.plan.observed import Findings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WANTED = ["oom", "die"]


def read_findings(client: Any, identity: str) -> Findings:
    """Return what happened to a container since it was made, of the engine's last few hundred events."""
    made = client.inspect_container(identity)["Created"]
    # The engine's own clock, for it may be another machine's; a time to come would be waited for.
    now = client.info()["SystemTime"]
    filters = {"container": identity, "event": _WANTED}
    stream = client.events(since=_seconds(made), until=_seconds(now), filters=filters, decode=True)
    with closing(stream._response), closing(stream):
        return findings_of(stream)


def findings_of(events: Iterable[Mapping[str, Any]]) -> Findings:
    """Return what a container's "oom" and "die" events say."""
    seen = list(events)
    codes = (int(one["Actor"]["Attributes"]["exitCode"]) for one in seen if one["Action"] == "die")
    return Findings(
        out_of_memory=any(one["Action"] == "oom" for one in seen),
        exit_codes=tuple(exit_code(code) for code in codes),
    )


def _seconds(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).timestamp():.6f}"
