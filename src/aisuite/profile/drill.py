"""What the owner wants of `aisuite failover-drill`: traffic, and bounds other than the usual ones."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from aisuite.profile.keypath import did_you_mean, shown
from aisuite.profile.part import Part
from aisuite.profile.values import Count, Duration, Name, Number
from aisuite.units import Seconds

FAULTS = (
    "kill",
    "hang",
    "pause",
    "slow",
    "error-500",
    "error-503",
    "error-429",
    "error-garbage",
    "stream-cut",
    "stream-stall",
    "network-cut",
    "network-drop",
    "dns",
    "new-address",
    "oom",
    "poison",
    "timeout",
    "both-down",
    "gateway-kill",
    "gateway-lost",
    "qdrant-restart",
    "qdrant-down",
    "embedding-down",
    "disk-full",
    "late-dependency",
)


def _fault(name: str) -> str:
    if name not in FAULTS:
        raise ValueError(f"{shown(name)} is no fault{did_you_mean(name, FAULTS, 'there are')}")
    return name


FaultName = Annotated[
    str,
    AfterValidator(_fault),
    WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(FAULTS)})$"}),
]
_Share = Annotated[Number, Field(ge=0, le=1)] | None
_Bound = Annotated[Number, Field(ge=0)] | None


class Bounds(Part):
    """What must hold under one fault, in seconds and in shares between 0 and 1; null: not judged."""

    plain_success: _Share = Field(None, description="Share of plain requests, begun from the fault on, that succeed.")
    p99_added: _Bound = Field(None, description="p99 of their seconds, minus p99 before the fault.")
    first_good: _Bound = Field(None, description="Seconds from the fault to the first good answer begun after it.")
    in_flight: _Bound = Field(None, description="Longest seconds of a request that was under way at the fault.")
    healthy_again: _Bound = Field(
        None,
        description="Seconds from the fault, or from its end, until the service is ready; a model server's own start "
        "is added.",
    )
    back_on_first: _Bound = Field(
        None,
        description="Seconds from then to the first answer of the first choice; the gateway's cooldown is added.",
    )
    recovers: _Bound = Field(None, description="Seconds from then to the first good answer.")
    explicit_error: _Bound = Field(None, description="Longest seconds until a client is told that there is no answer.")
    streams_marked: _Share = Field(None, description="Share of streams that end whole or in an explicit error.")
    others_restarted: _Bound = Field(None, description="Restarts of services that the fault does not meet.")


class Drill(Part):
    """How the suite is broken on purpose, and what must hold."""

    route: Name | None = Field(None, description="Route that is drilled; none: the first one with a fallback.")
    concurrency: Count = Field(20, le=1000, description="Clients that wait for whole answers.")
    streams: int = Field(5, ge=0, le=1000, strict=True, description="Clients that read streams.")
    pause: Duration = Field(Seconds(0.5), description="Time between two requests of one client.")
    duration: Duration = Field(Seconds(60), description="How long each fault is watched.")
    tolerances: dict[FaultName, Bounds] = Field(
        default_factory=dict, description="Fault -> bounds that differ from the usual ones."
    )
