"""Backups by the clock, as text."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.bundle.schedule import Schedule, read_time, render_cron, render_units
from aisuite.errors import UsageError

MAKE = ("/opt/venv/bin/python", "-m", "aisuite", "backup")
FORGET = (*MAKE, "forget", "--keep-daily", "7")
NIGHTLY = Schedule("demo", (MAKE, FORGET), 3, 5)


def test_a_timer_starts_the_service_every_day() -> None:
    units = render_units(NIGHTLY)
    assert list(units) == ["aisuite-backup-demo.service", "aisuite-backup-demo.timer"]
    assert "OnCalendar=*-*-* 03:05:00\n" in units["aisuite-backup-demo.timer"]
    starts = [line for line in units["aisuite-backup-demo.service"].splitlines() if line.startswith("ExecStart=")]
    assert starts == ["ExecStart=" + " ".join(MAKE), "ExecStart=" + " ".join(FORGET)]


def test_a_weekly_one_names_its_day() -> None:
    weekly = Schedule("demo", (MAKE,), 3, 0, "sun")
    assert "OnCalendar=Sun *-*-* 03:00:00\n" in render_units(weekly)["aisuite-backup-demo.timer"]
    assert render_cron(weekly).startswith("0 3 * * 0 ")
    assert render_cron(Schedule("demo", (MAKE,), 3, 0, "mon")).startswith("0 3 * * 1 ")


def test_a_crontab_line_runs_one_after_another_and_says_whose_it_is() -> None:
    assert render_cron(NIGHTLY) == f"5 3 * * * {shlex.join(MAKE)} && {shlex.join(FORGET)} # aisuite backup demo"


def test_signs_that_mean_something_to_systemd_are_taken_as_they_are() -> None:
    path = '/home/o\'brien/100% $HOME "x" \\y'
    unit = render_units(Schedule("demo", (("aisuite", path),), 3, 0))["aisuite-backup-demo.service"]
    assert 'ExecStart=aisuite "/home/o\'brien/100%% $$HOME \\"x\\" \\\\y"\n' in unit


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1))
def test_a_crontab_line_gives_the_shell_every_word_as_it_is(word: str) -> None:
    line = render_cron(Schedule("demo", (("aisuite", word),), 3, 0))
    shown = line.removeprefix("0 3 * * * ").removesuffix(" # aisuite backup demo")
    assert shlex.split(shown.replace(r"\%", "%")) == ["aisuite", word]
    assert shown.count("%") == shown.count(r"\%")


@pytest.mark.parametrize("render", [render_cron, render_units])
def test_a_word_that_would_end_the_line_is_refused(render: object) -> None:
    assert callable(render)
    with pytest.raises(UsageError, match="cannot stand in a timer"):
        render(Schedule("demo", (("aisuite", "a\nb"),), 3, 0))


def test_times_and_days_are_read() -> None:
    assert read_time("03:05", "Sun") == (3, 5, "sun")
    assert read_time("23:59", None) == (23, 59, None)


@pytest.mark.parametrize(
    ("at", "day"), [("24:00", None), ("3:00", None), ("", None), ("03:00\n", None), ("03:00", "x")]
)
def test_other_times_and_days_are_refused(at: str, day: str | None) -> None:
    with pytest.raises(UsageError, match=r"that is no time|there is mon"):
        read_time(at, day)
