"""Which backups to keep. The rules mean what restic's mean; days, weeks and months are those of UTC, as in the ids.

Two things go beyond restic. The newest verified backup stays, and everything newer: it may yet be verified. And backups
that were not verified take no place of one that was: each rule is counted with them and without them, and who is kept
in either way is kept.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aisuite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_SPAN = re.compile(r"(?:([0-9]{1,4})y)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})d)?(?:([0-9]{1,7})h)?")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the calendar."""

    months: int = 0
    hours: int = 0

    def before(self, moment: datetime) -> datetime:
        """Return the moment so long before another; the last day of a month where it has no such day."""
        years, month = divmod(moment.year * 12 + moment.month - 1 - self.months, 12)
        if years < 1:
            return datetime.min.replace(tzinfo=moment.tzinfo)
        day = min(moment.day, calendar.monthrange(years, month + 1)[1])
        try:
            return moment.replace(year=years, month=month + 1, day=day) - timedelta(hours=self.hours)
        except OverflowError:
            return datetime.min.replace(tzinfo=moment.tzinfo)


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
    found = _SPAN.fullmatch(text)
    if not text or found is None:
        words = f"--keep-within {text}: that is no span; it has years, months, days, hours, in this order"
        raise UsageError(words, "aisuite backup forget --keep-within 1y6m14d12h --dry-run")
    years, months, days, hours = (int(one or 0) for one in found.groups())
    return Span(years * 12 + months, days * 24 + hours)


def judge(bundles: Iterable[Dated], keep: Keep) -> tuple[Kept, ...]:
    """Say of each backup why it stays, or that nothing keeps it; the newest first."""
    newest_first = sorted(bundles, key=lambda one: (one.at, one.id), reverse=True)
    reasons: dict[str, list[str]] = {one.id: [] for one in newest_first}
    if not keep.says_something:
        return tuple(Kept(one.id, ("no rule was given",)) for one in newest_first)
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
