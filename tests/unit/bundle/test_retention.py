"""Which backups stay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.bundle.identity import make_id
from aisuite.bundle.retention import Dated, Keep, Span, judge, parse_span
from aisuite.errors import UsageError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday


def history(*hours_ago: float, unverified: Sequence[float] = ()) -> list[Dated]:
    moments = [(NOON - timedelta(hours=ago), ago not in unverified) for ago in hours_ago]
    return [Dated(make_id(at), at, verified) for at, verified in moments]


def kept(bundles: list[Dated], keep: Keep) -> list[float]:
    """Return how many hours ago those were made that stay, the newest first."""
    staying = [one.id for one in judge(bundles, keep) if one.reasons]
    ages = {one.id: (NOON - one.at) / timedelta(hours=1) for one in bundles}
    return [ages[one] for one in staying]


def test_without_a_rule_everything_stays() -> None:
    assert kept(history(0, 24, 48), Keep()) == [0, 24, 48]


def test_the_last_ones_stay() -> None:
    assert kept(history(0, 1, 2, 3), Keep(last=2)) == [0, 1]


def test_of_each_day_the_newest_stays_and_days_without_one_do_not_count() -> None:
    assert kept(history(0, 3, 24, 30, 24 * 9, 24 * 9 + 1, 24 * 20), Keep(daily=3)) == [0, 24, 24 * 9]


def test_weeks_begin_on_monday() -> None:
    # Saturday, Monday of the same week, Sunday before it, a week earlier
    assert kept(history(0, 24 * 5, 24 * 6, 24 * 13), Keep(weekly=2)) == [0, 24 * 6]


def test_the_first_days_of_january_are_of_the_week_they_lie_in() -> None:
    week = [datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), datetime(2026, 12, 20, tzinfo=UTC)]
    found = judge([Dated(make_id(at), at, verified=True) for at in week], Keep(weekly=2))
    assert [bool(one.reasons) for one in found] == [True, False, True]


def test_of_each_month_the_newest_stays() -> None:
    assert kept(history(0, 24 * 20, 24 * 22, 24 * 60, 24 * 90), Keep(monthly=3)) == [0, 24 * 22, 24 * 60]


def test_the_oldest_stays_while_there_are_fewer_days_than_asked_for() -> None:
    assert kept(history(0, 1, 2), Keep(daily=7)) == [0, 2]


def test_a_span_is_counted_from_the_newest_and_not_from_today() -> None:
    assert kept(history(2400, 2410, 2420, 2430), Keep(within=Span(hours=15))) == [2400, 2410]


def test_rules_add_up() -> None:
    found = {one.id: one.reasons for one in judge(history(0, 1, 24, 48), Keep(last=1, daily=2))}
    assert list(found.values()) == [("newest verified", "last", "daily"), (), ("daily",), ()]


def test_the_newest_verified_one_stays_whatever_the_rules_say_and_so_does_what_is_newer() -> None:
    assert kept(history(0, 1, 2, 3, 4, unverified=[0, 1]), Keep(last=1)) == [0, 1, 2]


def test_where_none_was_verified_none_is_removed() -> None:
    assert kept(history(0, 1, 2, unverified=[0, 1, 2]), Keep(last=1)) == [0, 1, 2]


def test_what_was_not_verified_takes_no_place_of_what_was() -> None:
    assert kept(history(0, 1, 2, 3, 4, unverified=[1, 2]), Keep(last=3)) == [0, 1, 2, 3, 4]
    assert kept(history(0, 20, 22, 50, unverified=[20]), Keep(daily=2)) == [0, 20, 22]


@pytest.mark.parametrize(
    ("text", "span"),
    [("1h", Span(hours=1)), ("7d", Span(hours=168)), ("1y5m7d2h", Span(17, 170)), ("18m", Span(18)), ("2y", Span(24))],
)
def test_a_span_is_read_as_restic_reads_it(text: str, span: Span) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["", "x", "7", "7w", "1h7d", "-1d", "1.5d", "1d ", "99999999d", "٣d"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no span"):
        parse_span(text)


def test_a_month_before_the_31st_is_the_last_day_of_that_month() -> None:
    assert Span(1).before(datetime(2026, 3, 31, tzinfo=UTC)) == datetime(2026, 2, 28, tzinfo=UTC)
    assert Span(9999 * 12, 24 * 999_999).before(NOON).year == 1
    assert Span(0, 9_999_999).before(NOON).year < 1000


KEEPS = st.builds(
    Keep,
    last=st.integers(0, 4),
    daily=st.integers(0, 4),
    weekly=st.integers(0, 4),
    monthly=st.integers(0, 4),
    within=st.none() | st.builds(Span, st.integers(0, 3), st.integers(0, 1000)),
)
HISTORIES = st.lists(st.tuples(st.integers(0, 24 * 400), st.booleans()), max_size=20, unique_by=lambda one: one[0]).map(
    lambda made: history(*(hours for hours, _ in made), unverified=[hours for hours, good in made if not good])
)


def check_laws(bundles: list[Dated], keep: Keep) -> int:
    """Check what holds for every history; return how many go."""
    found = judge(bundles, keep)
    assert {one.id for one in found} == {one.id for one in bundles}
    staying = {one.id for one in found if one.reasons}
    verified = [one.id for one in bundles if one.verified]
    assert not verified or max(verified) in staying
    assert verified or len(staying) == len(bundles)
    assert len(staying) >= min(keep.last, len(bundles))
    assert len(staying & set(verified)) >= min(keep.last, len(verified))
    remaining = [one for one in bundles if one.id in staying]
    assert {one.id for one in judge(remaining, keep) if one.reasons} == staying
    return len(bundles) - len(staying)


@given(HISTORIES, KEEPS)
def test_the_newest_verified_one_is_never_removed_and_a_second_time_changes_nothing(
    bundles: list[Dated], keep: Keep
) -> None:
    assert check_laws(bundles, keep) >= 0


@given(HISTORIES, KEEPS, st.integers(1, 5))
def test_a_more_generous_rule_removes_nothing_more(bundles: list[Dated], keep: Keep, more: int) -> None:
    generous = Keep(keep.last + more, keep.daily + more, keep.weekly + more, keep.monthly + more, keep.within)
    if keep.says_something:
        assert {one.id for one in judge(bundles, keep) if one.reasons} <= {
            one.id for one in judge(bundles, generous) if one.reasons
        }


def test_ten_thousand_histories_keep_the_laws() -> None:
    random = Random(6)
    removed = 0
    for _ in range(10_000):
        made = random.sample(range(24 * random.choice([2, 30, 400, 1500])), random.randrange(24))
        bundles = history(*made, unverified=[one for one in made if random.random() < random.choice([0, 0.2, 0.9])])
        counts = [random.choice([0, 0, 1, 2, 7]) for _ in range(4)]
        within = random.choice([None, None, Span(random.randrange(4), random.randrange(500))])
        removed += check_laws(bundles, Keep(*counts, within=within))
    assert removed > 10_000
