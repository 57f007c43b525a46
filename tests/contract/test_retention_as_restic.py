"""The rules of retention mean what restic's mean: both judge the same history."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from aisuite.bundle.retention import Dated, Keep, judge, parse_span

pytestmark = pytest.mark.soak

RULES = (
    Keep(last=3),
    Keep(daily=4),
    Keep(weekly=5),
    Keep(monthly=3),
    Keep(monthly=40),
    Keep(within=parse_span("1m")),
    Keep(within=parse_span("1y6m14d12h")),
    Keep(last=2, daily=7, weekly=4, monthly=6),
    Keep(daily=3, monthly=2, within=parse_span("9d")),
)


@pytest.mark.timeout(600)
def test_restic_keeps_the_same(tmp_path: Path) -> None:
    environment = os.environ | {"RESTIC_REPOSITORY": str(tmp_path), "RESTIC_PASSWORD": "of a test", "TZ": "UTC"}

    def restic(*words: str) -> str:
        done = subprocess.run(["restic", *words], env=environment, input=b"x", check=True, stdout=subprocess.PIPE)
        return done.stdout.decode()

    restic("init", "--quiet")
    moments = history(Random(6))
    for moment in moments:
        restic("backup", "--quiet", "--stdin", "--time", f"{moment:%Y-%m-%d %H:%M:%S}")

    for rules in RULES:
        told = json.loads(restic("forget", "--dry-run", "--json", "--group-by", "", *as_options(rules)))
        kept = {one["time"][:19] for group in told for one in group["keep"]}
        ours = judge((Dated(f"{at:%Y-%m-%dT%H:%M:%S}", at, verified=True) for at in moments), rules)
        assert {one.id for one in ours if one.reasons} == kept, rules


def history(random: Random) -> list[datetime]:
    """Return moments over two years, some of one day, of neighbouring days and of the turn of a year."""
    now = datetime(2026, 3, 28, 23, 59, 58, tzinfo=UTC)  # a month before the 31st restic keeps some days less
    ages = [0, 60, 3600, 86_398, 86_399, 2 * 86_400, *(random.randrange(40 * 86_400) for _ in range(8))]
    ages += [random.randrange(700 * 86_400) for _ in range(8)]
    turn = [datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC), datetime(2025, 12, 31, 23, 0, tzinfo=UTC)]
    return [*turn, *(now - timedelta(seconds=age) for age in ages)]


def as_options(rules: Keep) -> list[str]:
    counts = {"last": rules.last, "daily": rules.daily, "weekly": rules.weekly, "monthly": rules.monthly}
    words = [word for name, count in counts.items() if count for word in (f"--keep-{name}", str(count))]
    within = rules.within
    return words if within is None else [*words, "--keep-within", f"{within.months}m{within.hours}h"]
