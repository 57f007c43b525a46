"""Logs come as lines, whatever pieces they arrive in, and outlive their container."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.adapters.byte_lines import read_lines
from aisuite.adapters.docker_engine import kept_logs
from aisuite.adapters.docker_engine.kept_logs import keep, read_kept


@given(st.text(alphabet="ab\n\r ß", max_size=30).map(str.encode), st.integers(1, 7))
def test_the_pieces_of_a_stream_do_not_change_its_lines(data: bytes, size: int) -> None:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert list(read_lines(pieces)) == list(read_lines([data]))


def test_a_last_line_without_an_end_is_a_line_too() -> None:
    assert list(read_lines([b"one\r\ntw", b"o"])) == ["one", "two"]


def test_a_line_comes_as_soon_as_it_is_complete() -> None:
    def stream():
        yield b"one\nt"
        raise AssertionError("nothing more may be read")

    assert next(read_lines(stream())) == "one"


def test_what_is_not_utf_8_is_replaced() -> None:
    assert list(read_lines([b"\xff!\n"])) == ["\ufffd!"]


def test_kept_lines_are_read_back_oldest_first_for_the_owner_only(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "chat.log"
    keep(log, ["one", "drei ß"])
    keep(log, ["four"])
    assert read_kept(log, 2) == ("drei ß", "four")
    assert read_kept(log, 0) == ()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_a_folder_that_was_deleted_is_not_made_again(tmp_path: Path) -> None:
    keep(tmp_path / "gone" / "logs" / "chat.log", ["one"])
    assert list(tmp_path.iterdir()) == []
    assert read_kept(tmp_path / "gone" / "logs" / "chat.log", 5) == ()


def test_a_kept_log_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_logs, "_MOST_BYTES", 100)
    log = tmp_path / "logs" / "chat.log"
    for number in range(100):
        keep(log, [f"line {number}"])
    assert sum(file.stat().st_size for file in log.parent.iterdir()) < 300
    assert read_kept(log, 1) == ("line 99",)
