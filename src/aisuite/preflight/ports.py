"""Ports: free, and bound to this machine only."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from aisuite.preflight.model import Check, Judgement, Outcome, counted, well
from aisuite.preflight.snapshot import Section

if TYPE_CHECKING:
    from aisuite.preflight.snapshot import Snapshot


def _ports_are_free(snapshot: Snapshot) -> Judgement:
    taken = [one for one in snapshot.ports if one.holder is not None and not one.ours]
    ours = sum(one.ours for one in snapshot.ports)
    if not taken:
        running = f"; {ours} held by this stack itself" if ours else ""
        return well(f"{counted(len(snapshot.ports), 'port')}{running}")
    first = taken[0]
    return Judgement(
        f"{len(taken)} of {len(snapshot.ports)} ports are taken",
        fix=f"stop it, or write ports: {{{first.service}: {first.port + 10000}}} into the profile",
        details=tuple(f"port {one.port} for {one.service} is held by {one.holder}" for one in taken),
    )


def _ports_stay_here(snapshot: Snapshot) -> Judgement:
    exposed = [one for one in snapshot.stack.services if not _is_loopback(one.published.host)]
    if not exposed:
        return well("every port listens on loopback only")
    return Judgement(
        f"{counted(len(exposed), 'port')} can be reached from other machines",
        fix="aisuite config show bind   # then bind: 127.0.0.1 in the profile",
        details=tuple(f"{one.name} listens on {one.published.authority}" for one in exposed),
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


CHECKS = (
    Check(
        "PORT-001",
        "Ports are free",
        Outcome.FAIL,
        "every port of the stack is free, or held by its own service",
        "A service whose port somebody else holds cannot start. A stack that runs already holds its own ports: that is "
        "no conflict.",
        frozenset({Section.PORTS}),
        _ports_are_free,
    ),
    Check(
        "PORT-002",
        "Ports are published on loopback only",
        Outcome.WARN,
        "127.0.0.1 or ::1",
        "The services speak HTTP without TLS: beyond this machine, keys and prompts travel in the clear. Put a proxy "
        "with TLS in front, or a tunnel.",
        frozenset(),
        _ports_stay_here,
    ),
)
