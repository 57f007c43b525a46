"""Which backups to keep. The rules mean what restic's mean; days, weeks and months are those of UTC, as in the ids.

Two things go beyond restic. The newest verified backup stays, and everything newer: it may yet be verified. And backups
that were not verified take no place of one that was: each rule is counted with them and without them, and who is kept
in either way is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.errors import UsageError
from aisuite.units import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from aisuite.stack.model import BackupPolicy


@dataclass(frozen=True, slots=True)
class Keep:
    """How many to keep of each; 0 asks for none by that rule."""

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    within: Span | None = None  # before the newest

    @property
    def says_something(self) -> bool:
        """Whether any rule is set: without one nothing is removed."""
        return bool(self.last or self.daily or self.weekly or self.monthly or self.within)


@dataclass(frozen=True, slots=True)
class Dated:
    """One backup, as far as these rules look at it."""

    id: str
    at: datetime
    verified: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """One backup and why it stays; without a reason it goes."""

    id: str
    reasons: tuple[str, ...]


def parse_span(text: str) -> Span:
    """Return what 1y6m14d12h means: years, months, days, hours, in this order. Raises UsageError."""
    try:
        return Span.parse(text)
    except ValueError as err:
        raise UsageError(f"--keep-within {err}", "aisuite backup forget --keep-within 1y6m14d12h --dry-run") from err


def keep_of(policy: BackupPolicy) -> Keep:
    """Return the rules of a profile."""
    within = None if policy.keep_within is None else Span.parse(policy.keep_within)
    return Keep(policy.keep_last, policy.keep_daily, policy.keep_weekly, policy.keep_monthly, within)


def judge(bundles: Iterable[Dated], keep: Keep, needed: Mapping[str, str] | None = None) -> tuple[Kept, ...]:
    """Say of each backup why it stays, or that nothing keeps it; the newest first.

    `needed`: ids of backups that stay whatever the rules say, each with its reason.
    """
    newest_first = sorted(bundles, key=lambda one: (one.at, one.id), reverse=True)
    reasons: dict[str, list[str]] = {one.id: [] for one in newest_first}
    if not keep.says_something:
        return tuple(Kept(one.id, ("no rule was given",)) for one in newest_first)
    for bundle, reason in (needed or {}).items():
        reasons.get(bundle, []).append(reason)
    for one in _protected(newest_first):
        reasons[one.id].append("newest verified" if one.verified else "newer than the newest verified")
    verified = [one for one in newest_first if one.verified]
    for chosen in (verified, newest_first):
        for bundle, reason in _chosen(chosen, keep):
            if reason not in reasons[bundle]:
                reasons[bundle].append(reason)
    return tuple(Kept(one.id, tuple(reasons[one.id])) for one in newest_first)


def _protected(newest_first: Sequence[Dated]) -> Sequence[Dated]:
    """Return the newest verified one and those that are newer; all, where none was verified."""
    for place, one in enumerate(newest_first):
        if one.verified:
            return newest_first[: place + 1]
    return newest_first


def _chosen(newest_first: Sequence[Dated], keep: Keep) -> Iterable[tuple[str, str]]:
    yield from ((one.id, "last") for one in newest_first[: keep.last])
    yield from ((one, "daily") for one in _newest_of_each(newest_first, keep.daily, _day))
    yield from ((one, "weekly") for one in _newest_of_each(newest_first, keep.weekly, _week))
    yield from ((one, "monthly") for one in _newest_of_each(newest_first, keep.monthly, _month))
    if keep.within is not None and newest_first:
        begin = keep.within.before(newest_first[0].at)
        yield from ((one.id, "within") for one in newest_first if one.at > begin)


def _newest_of_each(newest_first: Sequence[Dated], count: int, part: Callable[[datetime], object]) -> Iterable[str]:
    """Return the newest backup of each of the last `count` parts of time that have one.

    While fewer parts have one, the oldest backup stays, too: it becomes the one of an older part when time goes on.
    """
    last: object = None
    for place, one in enumerate(newest_first):
        if not count:
            return
        if part(one.at) != last or place == len(newest_first) - 1:
            yield one.id
            last = part(one.at)
            count -= 1


def _day(moment: datetime) -> object:
    return moment.date()


def _week(moment: datetime) -> object:
    return moment.isocalendar()[:2]


def _month(moment: datetime) -> object:
    return moment.year, moment.month
