"""The journal keeps lines, for its owner alone, and never more than twice its limit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aisuite.adapters.journal import JournalFile
from aisuite.errors import StateUnwritable


def _entries(path: Path) -> list[str]:
    return [json.loads(line)["n"] for line in path.read_text().splitlines()]


def test_each_entry_is_a_json_line_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "events" / "watch.jsonl"
    JournalFile(path).append({"n": "한\n"})
    JournalFile(path).append({"n": "2"})
    assert _entries(path) == ["한\n", "2"]
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_full_journal_keeps_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "watch.jsonl"
    journal = JournalFile(path, limit=50)
    for number in range(100):
        journal.append({"n": str(number)})
    older = _entries(tmp_path / "watch.jsonl.1")
    assert older + _entries(path) == [str(number) for number in range(100)][-len(older + _entries(path)) :]
    assert sum(one.stat().st_size for one in tmp_path.iterdir()) <= 100
    assert sorted(one.name for one in tmp_path.iterdir()) == ["watch.jsonl", "watch.jsonl.1"]


def test_an_entry_longer_than_the_limit_is_kept_whole(tmp_path: Path) -> None:
    JournalFile(tmp_path / "watch.jsonl", limit=5).append({"n": "long"})
    assert _entries(tmp_path / "watch.jsonl") == ["long"]


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "watch.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateUnwritable, match=r"watch\.jsonl"):
        JournalFile(tmp_path / "watch.jsonl").append({"n": "1"})
    assert not (tmp_path / "elsewhere").exists()
