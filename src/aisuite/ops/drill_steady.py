"""The steady state: everything is healthy, the first choice answers, and nobody else is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.errors import StepFailed
from aisuite.ops.look import look
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aisuite.drill.model import Request
    from aisuite.ops.drill_bench import Bench
    from aisuite.plan.observed import Findings, Observed

_LOOKS = 8  # for other clients, in two seconds
_PAUSE = 0.25
_POLL = 0.5
_MOSTLY = 0.9  # of good answers, by the first choice


def observe(bench: Bench) -> Observed:
    """Return the engine's snapshot, every service asked."""
    return look({service.name: service.ready_url for service in bench.stack.services}, bench.deps)


def find_unhealthy(bench: Bench, observed: Observed) -> str:
    """Say which services are not healthy; empty when all are."""
    words = []
    for service in bench.stack.services:
        found = observed.find(service.name)
        if found is None or not found.ready:
            words.append(f"{service.name} is {'absent' if found is None else 'unhealthy'}")
    return ", ".join(words)


def find_unsteady(requests: Iterable[Request], first_id: str) -> str:
    """Say what is wrong with the answers of a time in which nothing is broken; empty when nothing is."""
    seen = [one for one in requests if one.kind != "poison"]
    bad = [one for one in seen if not one.good]
    plain = [one for one in seen if one.kind == "plain" and one.good]
    if bad:
        return f"{len(bad)} of {len(seen)} requests fail: {bad[0].error or 'an answer is not whole'}"
    if not plain:
        return "no request was answered"
    first = sum(one.server == first_id for one in plain)
    if first < _MOSTLY * len(plain):
        return f"the first choice answers {first} of {len(plain)} requests"
    return ""


def wait_until_healthy(bench: Bench, seconds: float) -> str:
    """Wait until every service is healthy; say which are not when the time is up."""
    clock = bench.deps.clock
    deadline = clock.monotonic() + seconds
    while (unhealthy := find_unhealthy(bench, observe(bench))) and clock.monotonic() < deadline:
        clock.sleep(_POLL)
    return unhealthy


def refuse_other_clients(bench: Bench) -> None:
    """Raise StepFailed when the gateway answers somebody now: a drill would break that, and measure it."""
    gateway = next(service for service in bench.stack.services if service.role is Role.GATEWAY)
    for _ in range(_LOOKS):
        told = bench.deps.probe.read(f"{gateway.published.url}/health/backlog", bench.keys["gateway_key"])
        if _others(told) > 0:
            raise StepFailed(
                f"other clients are active: {gateway.name} works on {_others(told)} of their requests",
                "wait for them, or: aisuite failover-drill --force",
            )
        bench.deps.clock.sleep(_PAUSE)


def restarts(before: Observed, after: Observed, names: Iterable[str]) -> dict[str, int]:
    """Return which of these services were restarted, and how often, by name."""
    counted = {name: _restarts(before, name, after) for name in sorted(names)}
    return {name: times for name, times in counted.items() if times}


def how_restarted(times: int, findings: Findings) -> str:
    """Say in words how a service was restarted, with how it ended last, where its engine knows."""
    ended = f", after exit code {findings.exit_codes[-1]}" if findings.exit_codes else ""
    memory = "; its engine has seen it out of memory" if findings.out_of_memory else ""
    return f"restarted {'once' if times == 1 else f'{times} times'}{ended}{memory}"


def _restarts(before: Observed, name: str, after: Observed) -> int:
    old, new = before.find(name), after.find(name)
    if old is None or new is None or (old.pid, old.container) == (new.pid, new.container):
        return 0
    return max(1, new.restarts - old.restarts)


def _others(told: object) -> int:
    """Return the requests in flight without the one that asks."""
    number = told.get("in_flight_requests") if isinstance(told, dict) else None
    return max(0, number - 1) if isinstance(number, int) else 0


def begun_since(requests: Sequence[Request], moment: float) -> list[Request]:
    """Return the requests that were begun then or later."""
    return [one for one in requests if one.start >= moment]
