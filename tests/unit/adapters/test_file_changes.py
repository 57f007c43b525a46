from __future__ import annotations

from pathlib import Path

import pytest

from aisuite.adapters.file_changes import watch_changes


def test_changes_come_as_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([{(1, str(tmp_path / "a.md")), (3, str(tmp_path / "b.md"))}])
    monkeypatch.setattr("watchfiles.watch", lambda folder, **_: said)
    assert list(watch_changes(tmp_path)) == [frozenset({tmp_path / "a.md", tmp_path / "b.md"})]
