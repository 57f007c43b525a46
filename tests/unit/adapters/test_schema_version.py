from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from aisuite.adapters.schema_version import read_schema_version


def test_the_version_is_told_while_others_write_and_have_not_checkpointed(tmp_path: Path) -> None:
    file = tmp_path / "한 국#?.db"
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA user_version = 7")
        writer.commit()
        assert read_schema_version(str(file)) == 7
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("PRAGMA user_version = 8")
        assert read_schema_version(str(file)) == 7


def test_what_is_no_database_has_no_version(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all, but long enough to have a header" * 3)
    (tmp_path / "folder").mkdir()
    assert [read_schema_version(str(tmp_path / name)) for name in ("absent", "text", "folder")] == [None, None, None]
    assert not (tmp_path / "absent").exists()
