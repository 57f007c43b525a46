"""From what was seen of a running stack to findings in words. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aisuite.ops.log_errors import LogErrors
from aisuite.plan.observed import ALIVE, State
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aisuite.ports import GpuDevice

SLOWEST_GATEWAY = 3.0  # seconds that 95 of 100 requests without a model may take at most
OLDEST_BACKUP = 8 * 86400  # seconds: a weekly one that was made is not old
FULLEST_CARD = 0.9  # share of a card's memory from which a longer prompt may end a server
_OK = "ok"
_BRING_BACK = "aisuite watch --once"  # knows by itself what was brought up


class Outcome(StrEnum):
    """How a finding counts: only what fails makes a stack unhealthy."""

    PASS = "pass"  # noqa: S105  no password
    NOTE = "note"
    FAIL = "fail"


class Verdict(StrEnum):
    """The stack as a whole: degraded still answers chats, down does not."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `fix` is a command, `figure` seconds, a count or a share, by the check."""

    check: str
    subject: str  # a service, a route, a card
    outcome: Outcome
    words: str
    fix: str | None = None
    figure: float | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One service as it was seen. `alive`: it answers at all; None: it was not asked, for it does not run."""

    name: str
    role: str
    url: str
    state: State | None  # None: the engine does not know it
    alive: bool | None = None
    ready: bool = False
    reason: str = ""
    seconds: float | None = None  # until it answered
    dependencies: Mapping[str, str] = field(default_factory=dict)  # as it sees them: "ok", or a reason
    restarts: int = 0
    errors: LogErrors = field(default_factory=LogErrors)
    engine_fault: str = ""  # what its engine's own checks say against it, though it answers us

    @property
    def may_recover(self) -> bool:
        """Whether waiting may help: what its engine gave up or never had does not come back by itself."""
        return self.state in ALIVE or self.state is State.RESTARTING


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What came of asking for one token; `error` is empty when it came."""

    subject: str  # a route, one server behind it, a service
    log: str  # the service whose log may say why not
    error: str = ""
    seconds: float = 0.0
    age: float = 0.0  # seconds that the answer may be old


def verdict_of(sightings: Iterable[Sighting], findings: Iterable[Finding]) -> Verdict:
    """Return how the stack does as a whole."""
    ready = {one.role for one in sightings if one.ready}
    if not {Role.GATEWAY, Role.INFERENCE} <= ready:
        return Verdict.DOWN
    failed = any(finding.outcome is Outcome.FAIL for finding in findings)
    return Verdict.DEGRADED if failed else Verdict.HEALTHY


def judge_service(seen: Sighting) -> Iterator[Finding]:
    """Say whether a service is ready, and what else is remarkable about it."""
    yield _readiness(seen)
    logs = f"aisuite logs {seen.name}"
    if seen.engine_fault:
        yield Finding("engine", seen.name, Outcome.NOTE, seen.engine_fault, logs)
    if seen.restarts:
        times = "once" if seen.restarts == 1 else f"{seen.restarts} times"
        words = f"its engine has started it again {times} since `aisuite up`"
        yield Finding(
            "restarts", seen.name, Outcome.NOTE, words, f"aisuite events {seen.name} --once --since 24h", seen.restarts
        )
    if seen.errors.count:
        lines = "1 error" if seen.errors.count == 1 else f"{seen.errors.count} errors"
        words = f"{lines} in its log since its start, the last: {seen.errors.last}"
        yield Finding("log", seen.name, Outcome.NOTE, words, logs, seen.errors.count)


def _readiness(seen: Sighting) -> Finding:
    if seen.ready and seen.state is not State.ORPHANED:
        return Finding("ready", seen.name, Outcome.PASS, seen.reason)
    words, fix = _why_unready(seen)
    return Finding("ready", seen.name, Outcome.FAIL, words, fix)


def _why_unready(seen: Sighting) -> tuple[str, str]:
    """Return what is wrong, and the command that helps."""
    logs, restart = f"aisuite logs {seen.name}", f"aisuite restart {seen.name}"
    if seen.state is None:
        return "it is not there", _BRING_BACK
    if seen.state is State.ORPHANED:
        return "nobody watches it: its engine died", _BRING_BACK
    if seen.state is State.RESTARTING:
        return "it has ended; its engine is about to start it again", logs
    if seen.state not in ALIVE:
        return f"it does not run ({seen.state})", f"{logs}; then: {restart}"
    if seen.state is State.PAUSED:
        return "it is paused", restart
    if not seen.alive:
        return f"it runs and does not answer: {seen.reason}", restart
    broken = "; ".join(f"{name}: {state}" for name, state in seen.dependencies.items() if state != _OK)
    return f"it runs and is not ready: {broken or seen.reason}", logs


def judge_token(answer: TokenAnswer) -> Finding:
    """Say whether a model answered."""
    if answer.error:
        return Finding("token", answer.subject, Outcome.FAIL, answer.error, f"aisuite logs {answer.log}")
    if answer.age:
        return Finding("token", answer.subject, Outcome.PASS, f"its model gave a token in the last {answer.age:g} s")
    words = f"one token in {answer.seconds:.2f} s"
    return Finding("token", answer.subject, Outcome.PASS, words, figure=round(answer.seconds, 4))


def judge_gateway(name: str, seconds: Sequence[float | None]) -> Finding:
    """Judge how long the gateway takes for requests that need no model; None: it did not answer one."""
    answered = [one for one in seconds if one is not None]
    if len(answered) < len(seconds):
        words = f"{len(seconds) - len(answered)} of {len(seconds)} requests were not answered"
        return Finding("p95", name, Outcome.FAIL, words, f"aisuite logs {name}")
    slowest = percentile(answered, 0.95)
    words = f"p95 {slowest * 1000:.0f} ms of {len(answered)} requests without a model (at most {SLOWEST_GATEWAY:g} s)"
    slow = slowest > SLOWEST_GATEWAY
    outcome, fix = (Outcome.FAIL, f"aisuite top {name}") if slow else (Outcome.PASS, None)
    return Finding("p95", name, outcome, words, fix, round(slowest, 4))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest of the values that so large a share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def judge_snapshots(name: str, listed: Mapping[str, bool] | None) -> Finding:
    """Judge whether the vector store lists its snapshots, by collection; None: not even its collections."""
    if listed is None:
        return Finding("snapshots", name, Outcome.FAIL, "it does not list its collections", f"aisuite logs {name}")
    silent = sorted(collection for collection, answered in listed.items() if not answered)
    if silent:
        words = f"it does not list the snapshots of {', '.join(silent)}"
        return Finding("snapshots", name, Outcome.FAIL, words, f"aisuite logs {name}")
    count = "1 collection" if len(listed) == 1 else f"{len(listed)} collections"
    return Finding(
        "snapshots", name, Outcome.PASS, f"the snapshot API answers for {count}" if listed else "no collections"
    )


def judge_backup(age: float | None) -> Finding:
    """Judge how old the newest verified backup is, in seconds; None: there is none. The stack works without."""
    if age is None:
        return Finding("backup", "data", Outcome.NOTE, "there is no verified backup", "aisuite backup")
    words = f"the newest verified backup is {_span(age)} old"
    if age > OLDEST_BACKUP:
        return Finding("backup", "data", Outcome.NOTE, words, "aisuite backup", round(age))
    return Finding("backup", "data", Outcome.PASS, words, figure=round(age))


def _span(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def judge_card(card: GpuDevice) -> Finding:
    """Judge how full a card is."""
    taken = int(card.total) - int(card.free)
    share = taken / int(card.total)
    words = f"{taken} of {int(card.total)} MiB are taken ({share:.0%}, at most {FULLEST_CARD:.0%})"
    outcome, fix = (Outcome.FAIL, "aisuite gpu") if share >= FULLEST_CARD else (Outcome.PASS, None)
    return Finding("memory", card.name, outcome, words, fix, round(share, 4))


def dependencies_in(told: Any) -> dict[str, str]:
    """Return the states that a service of ours reports of what it needs; empty for other bodies."""
    states = told.get("dependencies") if isinstance(told, dict) else None
    if not isinstance(states, dict):
        return {}
    return {str(name): str(state) for name, state in states.items()}


def servers_in(told: Any) -> tuple[tuple[str, str], ...]:
    """Return (route, id) of each server that LiteLLM's /model/info lists, in its order; what is none is left out."""
    listed = told.get("data") if isinstance(told, dict) else None
    pairs = []
    for one in listed if isinstance(listed, list) else []:
        info = one.get("model_info") if isinstance(one, dict) else None
        if isinstance(info, dict) and isinstance(info.get("id"), str) and isinstance(one.get("model_name"), str):
            pairs.append((one["model_name"], info["id"]))
    return tuple(pairs)


def has_token(told: Mapping[str, Any]) -> bool:
    """Return whether a completion holds a token. A model may well say a token without text."""
    usage, choices = told.get("usage"), told.get("choices")
    counted = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return bool(choices) and (counted is None or (isinstance(counted, int) and counted > 0))
