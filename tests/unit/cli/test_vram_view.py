"""A plan's card in the terminal."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.cli.output import Output
from aisuite.cli.view.vram import card_bar, parts_table
from aisuite.vram.model import VramPlan
from aisuite.vram.solve import solve
from tests.fakes.pricing import make_budget, make_demand, round_pricing

OUT = Output("plan")


class Screen(io.StringIO):
    """A terminal with an encoding."""

    def __init__(self, encoding: str, *, tty: bool = False) -> None:
        super().__init__()
        self._encoding, self._tty = encoding, tty

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._tty


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", Screen("utf-8"))


def planned(total: int = 2400, free: int = 2200, *, auto: bool = True) -> VramPlan:
    return solve([make_demand("chat"), make_demand("code", auto=auto)], make_budget(total, free), round_pricing())


def test_the_bar_shows_others_servers_reserve_and_bounds() -> None:
    assert card_bar(planned(), OUT).splitlines() == [
        "others' use chat                                  code                   reserve",
        "×××××××████████████████████████████████████▓▓▒░░░░████████████████▓▓▓▒░░░╱╱╱╱╱╱╱",
        "                                                      models: at most 2160 MiB ^",
    ]


def test_a_plan_that_does_not_fit_runs_over_the_end_of_the_card() -> None:
    lines = card_bar(planned(1200, 1200, auto=False), OUT).splitlines()
    assert lines[2].endswith("models: at most 1080 MiB ^")
    assert lines[3].endswith("1200 MiB: the card ends ^")
    assert len(lines[1]) > lines[3].index("^")


@given(total=st.integers(300, 9000), auto=st.booleans())
def test_the_bar_is_as_wide_as_the_screen(total: int, auto: bool) -> None:
    assert len(card_bar(planned(total, total, auto=auto), OUT).splitlines()[1]) == 80


def test_every_part_has_a_row_on_the_card_and_in_ram() -> None:
    rows = [line.split() for line in parts_table(planned(), OUT).splitlines()]
    assert rows[0] == ["PART", "CARD", "MiB", "OF", "CARD", "RAM", "MiB"]
    assert ["█", "code", "weights", "500.0", "20.8%", "600.0"] in rows
    assert ["░", "chat", "CUDA", "context", "100.0", "4.2%"] in rows
    assert ["code", "together", "694.0", "28.9%", "600.0"] in rows
    assert rows[-1] == ["·", "free", "12.0", "0.5%"]


def test_a_screen_without_utf8_gets_plain_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Screen("ascii"))
    assert f"{card_bar(planned(), OUT)}{parts_table(planned(), OUT)}".isascii()


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Screen("utf-8", tty=True))
    painted = card_bar(planned(), OUT)
    assert "\033[36m█" in painted
    assert "\033[35m█" in painted
    assert "\033" not in card_bar(planned(), Output("plan", no_color=True))
