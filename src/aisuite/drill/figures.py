"""What the clients of one experiment saw, in figures. Seconds, shares between 0 and 1, counts."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.drill.model import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aisuite.drill.model import Fault, Moments, Request

Figures = dict[str, float | None]

_SHARES = (0.50, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Windows:
    """The requests of one experiment, by when they were begun."""

    before: tuple[Request, ...]  # they ended before the fault; without the warm-up
    caught: tuple[Request, ...]  # under way at the fault, or begun before the suite could notice it
    later: tuple[Request, ...]
    meanwhile: tuple[Request, ...]  # begun while the drill was breaking something, and under way when it had

    @property
    def since(self) -> tuple[Request, ...]:
        """All that is judged of what the fault may have met."""
        return (*self.caught, *self.later)


def windows(fault: Fault, requests: Iterable[Request], moments: Moments) -> Windows:
    """Sort requests by what the fault may have done to them; poison is left out."""
    ordered = sorted((one for one in requests if one.kind != "poison"), key=lambda one: one.start)
    noticed = moments.fault + fault.notice
    under_way = [one for one in ordered if one.end >= moments.fault]
    met = [one for one in under_way if not moments.broken_from <= one.start < moments.fault]
    return Windows(
        before=tuple(one for one in ordered if one.end < moments.broken_from and one.start >= 0),
        caught=tuple(one for one in met if one.start < noticed),
        later=tuple(one for one in met if one.start >= noticed),
        meanwhile=tuple(one for one in under_way if moments.broken_from <= one.start < moments.fault),
    )


def figures(fault: Fault, requests: Sequence[Request], moments: Moments, first: str | None) -> Figures:
    """Return everything that can be counted; None for what did not happen. `first` is the first choice's id."""
    seen = windows(fault, requests, moments)
    kind = "rag" if fault.traffic is Traffic.RAG else "plain"
    plain = _of_kind("plain", _while_judged(fault, _begun_from(moments.fault, seen.since), moments))
    streams = _of_kind("stream", seen.since)
    before = [one for one in _of_kind("plain", seen.before) if one.good]
    later = [one for one in _of_kind("plain", _while_judged(fault, seen.later, moments)) if one.good]
    asked = _of_kind(kind, seen.since)
    return {
        "requests": float(len(seen.before) + len(seen.since)),
        "plain": float(len(plain)),
        "plain_good": float(sum(one.good for one in plain)),
        "plain_success": _share(one.good for one in plain),
        "streams": float(len(streams)),
        "streams_whole": _share(one.good for one in streams),
        "streams_marked": _share(one.marked for one in streams),
        **_latencies("_before", before),
        **_latencies("", later),
        "p99_added": _difference(_percentile(later, 0.99), _percentile(before, 0.99)),
        "first_good": _first_good(asked, moments.fault),
        "in_flight": max((_lasted(one, moments) for one in seen.caught), default=0.0),
        "explicit_error": max(_untold(fault, asked, _of_kind(kind, seen.meanwhile), moments), default=0.0),
        "healthy_again": _healthy_again(fault, moments),
        "back_on_first": _first_good((one for one in asked if one.server == first), moments.healthy),
        "recovers": _first_good(asked, moments.healthy),
        "first_before": _share(one.server == first for one in before) if first else None,
    }


def errors(fault: Fault, requests: Iterable[Request], moments: Moments) -> Mapping[str, int]:
    """Count the errors that clients saw from the fault on, the commonest first."""
    failed = (one for one in windows(fault, requests, moments).since if not one.good)
    return dict(Counter(_in_words(one) for one in failed).most_common())


def matrix_success(trials: Iterable[tuple[Fault, Mapping[str, float | None]]]) -> float | None:
    """Return the share of plain requests that succeeded in all trials whose fault is no outage."""
    counted = [figures for fault, figures in trials if not fault.outage]
    asked = sum(one.get("plain") or 0.0 for one in counted)
    return sum(one.get("plain_good") or 0.0 for one in counted) / asked if asked else None


def _in_words(request: Request) -> str:
    what = request.error or ("it broke off without a word" if request.kind == "stream" else "its answer is not whole")
    return f"{request.kind}: {what}" if request.status is None else f"{request.kind} {request.status}: {what}"


def _of_kind(kind: str, requests: Iterable[Request]) -> list[Request]:
    return [one for one in requests if one.kind == kind]


def _begun_from(moment: float, requests: Iterable[Request]) -> list[Request]:
    return [one for one in requests if one.start >= moment]


def _while_judged(fault: Fault, requests: Iterable[Request], moments: Moments) -> list[Request]:
    """Leave out what was begun after a stand-in left: taking it away is the drill's own doing."""
    if fault.mode is None or moments.undone is None:
        return list(requests)
    return [one for one in requests if one.start < moments.undone]


def _share(happened: Iterable[bool]) -> float | None:
    found = list(happened)
    return sum(found) / len(found) if found else None


def _latencies(suffix: str, requests: Sequence[Request]) -> Figures:
    return {f"p{round(share * 100)}{suffix}": _percentile(requests, share) for share in _SHARES}


def _percentile(requests: Sequence[Request], share: float) -> float | None:
    """Return the nearest-rank percentile of how long requests took: one that really happened."""
    took = sorted(one.end - one.start for one in requests)
    return took[max(0, math.ceil(share * len(took)) - 1)] if took else None


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _lasted(request: Request, moments: Moments) -> float:
    """Return how long a request took, counted from the fault where it was begun before."""
    return request.end - max(request.start, moments.fault)


def _untold(fault: Fault, asked: Iterable[Request], meanwhile: Iterable[Request], moments: Moments) -> Iterator[float]:
    """Yield for how long each client was told nothing: until its error, or for as long as the fault lasted."""
    yield from (_lasted(one, moments) for one in asked if not one.good)
    if fault.tolerance.explicit_error is None:
        return
    over = moments.undone if fault.held else moments.healthy
    if over is not None:
        yield from (over - max(one.start, moments.fault) for one in asked if one.good and one.start < over <= one.end)
    # Making every server too slow takes so long that a client may only meet it while it is being done.
    yield from (one.end - one.start for one in meanwhile if not one.good)


def _first_good(requests: Iterable[Request], moment: float | None) -> float | None:
    """Return the seconds until the first good answer ends that was begun after the moment."""
    if moment is None:
        return None
    ends = [one.end for one in requests if one.good and one.start >= moment]
    return min(ends) - moment if ends else None


def _healthy_again(fault: Fault, moments: Moments) -> float | None:
    since = moments.undone if fault.held else moments.fault
    return None if since is None or moments.healthy is None else max(0.0, moments.healthy - since)
