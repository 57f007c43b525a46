"""Logs are read from their end, across rotation, and never from before the service's present life."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.adapters.process_engine import log_files
from aisuite.adapters.process_engine.exits import find_exit_code
from aisuite.adapters.process_engine.log_files import find_end, follow, read_tail

LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "chat.log"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "_BLOCK", 7)


def rotate(log: Path) -> None:
    """Do what supervisord does when a log is full."""
    log.with_name("chat.log.1").unlink(missing_ok=True)
    log.rename(log.with_name("chat.log.1"))
    log.touch()


def write(log: Path, text: str) -> None:
    with log.open("a", newline="") as file:
        file.write(text)


@given(older=st.lists(LINE), newer=st.lists(LINE), count=st.integers(0, 12))
def test_the_tail_is_what_stands_last_across_files(older: list[str], newer: list[str], count: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "chat.log")
        Path(folder, "chat.log.1").write_text("".join(f"{line}\n" for line in older), newline="")
        path.write_text("".join(f"{line}\n" for line in newer), newline="")
        assert read_tail(path, count) == tuple((older + newer)[-count:] if count else ())


@given(old=st.lists(LINE), new=st.lists(LINE))
def test_the_tail_never_goes_back_beyond_the_mark(old: list[str], new: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "chat.log")
        path.write_text("".join(f"{line}\n" for line in old), newline="")
        mark = find_end(path)
        write(path, "".join(f"{line}\n" for line in new))
        assert read_tail(path, 100, mark) == tuple(new)
        rotate(path)
        write(path, "newest\n")
        assert read_tail(path, 100, mark) == (*new, "newest")


def test_a_mark_whose_file_was_rotated_away_hides_nothing(log: Path) -> None:
    write(log, "old\n")
    mark = find_end(log)
    rotate(log)
    write(log, "a\n")
    rotate(log)
    write(log, "b\n")
    assert read_tail(log, 100, mark) == ("a", "b")


def test_a_line_that_is_not_finished_is_a_line(log: Path) -> None:
    write(log, "one\ntwo")
    assert read_tail(log, 1) == ("two",)


def test_bytes_that_are_no_text_are_shown_as_such(log: Path) -> None:
    log.write_bytes(b"caf\xe9\r\n")
    assert read_tail(log, 1) == ("caf\ufffd",)


def test_without_a_log_there_is_no_tail_and_no_end(log: Path) -> None:
    assert read_tail(log, 5) == ()
    assert find_end(log) is None


def test_new_lines_follow_across_rotation_and_truncation(log: Path) -> None:
    write(log, "one\ntwo\nth")
    lines = follow(log, 2, poll=0)
    assert [next(lines), next(lines)] == ["two", "th"]
    write(log, "ree\nfour\n")
    assert [next(lines), next(lines)] == ["ree", "four"]
    write(log, "before rotation\n")
    rotate(log)
    write(log, "after rotation\n")
    assert [next(lines), next(lines)] == ["before rotation", "after rotation"]
    log.write_text("new\n")
    assert next(lines) == "new"


def test_a_log_that_does_not_exist_yet_is_waited_for(log: Path) -> None:
    lines: Iterator[str] = follow(log, 5, poll=0.001)
    threading.Timer(0.01, write, (log, "first\n")).start()
    assert next(lines) == "first"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("WARN exited: chat (exit status 3; not expected)", 3),
        ("INFO exited: chat (exit status 0; expected)", 0),
        ("WARN exited: chat (terminated by SIGKILL; not expected)", -9),
        ("WARN exited: chat (terminated by SIGSEGV (core dumped); not expected)", -11),
        ("WARN stopped: chat (terminated by SIGTERM)", -15),
        ("WARN exited: chat (terminated by SIGMADEUP; not expected)", None),
        ("WARN exited: code (exit status 3; not expected)", None),
        ("INFO spawned: 'chat' with pid 12", None),
    ],
)
def test_the_last_end_of_a_service_is_read_from_supervisords_log(log: Path, line: str, code: int | None) -> None:
    write(log, f"2026-11-21 08:10:12,825 {line}\n")
    assert find_exit_code(log, "chat") == code


def test_the_newest_end_counts(log: Path) -> None:
    for status in (1, 2):
        write(log, f"2026-11-21 08:10:12,825 WARN exited: chat (exit status {status}; not expected)\n")
    assert find_exit_code(log, "chat") == 2
