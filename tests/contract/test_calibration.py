"""What is remembered of this machine's cards: in memory and in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aisuite.adapters.calibration import CalibrationFile
from aisuite.errors import StateUnwritable
from aisuite.ports import Calibration
from aisuite.vram.model import Overhead
from tests.fakes.gpu import FakeCalibration

MEASURED = Overhead(106 * 2**20, "measured here on 2026-11-21", measured=True)
Reopen = Callable[[], Calibration]


@pytest.fixture(params=["fake", "file"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    """Return what opens the same memory again, as another run of the program does."""
    fake = FakeCalibration()
    return lambda: CalibrationFile(tmp_path / "data") if request.param == "file" else fake


def test_nothing_is_known_at_first(reopen: Reopen) -> None:
    assert reopen().find("RTX 4050 Laptop") is None
    assert not reopen().reset()


def test_a_measurement_is_remembered_for_its_card_only(reopen: Reopen) -> None:
    reopen().keep("RTX 4050 Laptop", MEASURED)
    assert reopen().find("RTX 4050 Laptop") == MEASURED
    assert reopen().find("RTX 4090") is None


def test_a_later_measurement_replaces_an_earlier_one_and_leaves_other_cards_alone(reopen: Reopen) -> None:
    later = Overhead(111 * 2**20, "measured here on 2026-11-22", measured=True)
    for card, overhead in (("한글 카드", MEASURED), ("b", MEASURED), ("b", later)):
        reopen().keep(card, overhead)
    assert (reopen().find("한글 카드"), reopen().find("b")) == (MEASURED, later)


def test_reset_forgets_all(reopen: Reopen) -> None:
    reopen().keep("a", MEASURED)
    assert reopen().reset()
    assert reopen().find("a") is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", '{"schema": "aisuite.calibration/1"}', "[" * 5000),
        '{"schema": "aisuite.calibration/9", "cards": {"a": {"bytes": 1, "source": "x"}}}',
        '{"schema": "aisuite.calibration/1", "cards": []}',
        '{"schema": "aisuite.calibration/1", "cards": {"a": 7}}',
        '{"schema": "aisuite.calibration/1", "cards": {"a": {"bytes": -1, "source": "x"}}}',
        '{"schema": "aisuite.calibration/1", "cards": {"a": {"bytes": true, "source": "x"}}}',
        '{"schema": "aisuite.calibration/1", "cards": {"a": {"bytes": 99999999999999, "source": "x"}}}',
    ],
)
def test_a_damaged_file_counts_as_none_and_is_mended_by_the_next_measurement(text: str, tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text(text)
    kept = CalibrationFile(tmp_path)
    assert kept.find("a") is None
    kept.keep("b", MEASURED)
    assert kept.find("b") == MEASURED


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    CalibrationFile(tmp_path / "data").keep("a", MEASURED)
    (file,) = (tmp_path / "data").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_folder_that_cannot_be_used_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file stands here")
    with pytest.raises(StateUnwritable, match=r"calibration\.json"):
        CalibrationFile(tmp_path / "data").keep("a", MEASURED)
